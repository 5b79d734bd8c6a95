// Points out one class in all figures; without this, all are equally strong.
document.querySelectorAll(".pick button").forEach((button) => {
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    document.querySelectorAll(".pick button").forEach((other) => {
      other.setAttribute("aria-pressed", String(other === button && pressed));
    });
    const cls = pressed ? button.dataset.cls : "";
    document.querySelectorAll(".figures svg *").forEach((mark) => {
      const own = ["numpy", "keras", "torch", "tensorflow", "other"];
      const is = own.find((name) => mark.classList.contains(name));
      if (is) mark.setAttribute("opacity", cls && is !== cls ? "0.08" : "1");
    });
  });
});
document.querySelectorAll(".pick").forEach((group) => group.removeAttribute("hidden"));
