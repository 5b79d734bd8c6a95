"""report.html: a run as one page that needs nothing but a browser.

Made from results.json, the classes' source, and `inside.npz`. Its words are in
words.toml, its figures are SVG that is drawn here.
"""
