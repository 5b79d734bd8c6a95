"""A local HTTP server whose every path is one kind of source: good, or at fault."""

import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Handler(BaseHTTPRequestHandler):
    """Serves the server's `content` at /KIND/NAME, as a source of that KIND would."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = urlsplit(self.path).path.split("/")[1]  # a proxy is asked for all of it
        self.server.asked.append((kind, self.headers.get("Range")))
        if kind in self.server.answers:
            for piece in self.server.answers[kind]():
                self.wfile.write(piece)
            self.close_connection = True
        else:
            getattr(self, kind)()

    def log_message(self, *_):
        pass

    def first(self):
        """Return the first byte that is asked for."""
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0

    def head(self, start, total=None, said=None):
        """Send the status and headers of what is left from `start`."""
        total = total or len(self.server.content)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(total - start))
        if start:
            first = start if said is None else said
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        self.end_headers()

    def good(self):
        self.head(self.first())
        self.wfile.write(self.server.content[self.first() :])

    def no_range(self):
        self.head(0)
        self.wfile.write(self.server.content)

    def chunked(self):
        """Without a length; a good source all the same."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        content = self.server.content
        for start in range(0, len(content), 5000):
            chunk = content[start : start + 5000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def slow(self):
        """One byte of a hundred every 10 ms; all within a second."""
        self.paced(steps=100, pause=0.01)

    def very_slow(self):
        self.paced(steps=10_000, pause=0.02)

    def paced(self, steps, pause):
        rest = self.server.content[self.first() :]
        self.head(self.first())
        size = max(1, len(self.server.content) // steps)
        for start in range(0, len(rest), size):
            self.wfile.write(rest[start : start + size])
            time.sleep(pause)

    def silent(self):
        self.head(self.first())
        self.wfile.write(self.server.content[self.first() :][:100])
        time.sleep(3)

    def closed(self):
        """Breaks off a third of all further on, each time."""
        self.head(self.first())
        third = len(self.server.content) // 3 + 1
        self.wfile.write(self.server.content[self.first() :][:third])
        self.close_connection = True

    def truncated(self):
        """Says that it is whole, and is not."""
        half = len(self.server.content) // 2
        self.head(0, total=half)
        self.wfile.write(self.server.content[:half])

    def wrong(self):
        """The right number of wrong bytes."""
        self.head(0)
        self.wfile.write(bytes(len(self.server.content)))

    def half_wrong(self):
        """Wrong bytes, and then nothing."""
        self.head(0)
        self.wfile.write(bytes(len(self.server.content) // 2))
        self.close_connection = True

    def wrong_range(self):
        """Sends from the beginning, and says that it is what was asked for."""
        self.head(self.first())
        rest = len(self.server.content) - self.first()
        self.wfile.write(self.server.content[:rest])

    def late_range(self):
        """Sends, and says so, from later on than what was asked for."""
        start = self.first() + 10
        self.head(start)
        self.wfile.write(self.server.content[start:])

    def no_such_range(self):
        """A range that cannot be read."""
        self.head(1, said="?")
        self.wfile.write(self.server.content[1:])

    def missing(self):
        self.send_error(404)

    def broken(self):
        self.send_error(500)

    def loop(self):
        self.send_response(302)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Remembers what it was asked for, and waits for nobody when it ends."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.asked = content, []
        self.answers = {}  # by kind, functions that yield what is sent

    def handle_error(self, *_):
        pass  # a client that left a slow source

    def url(self, kind, name="archive.bin"):
        return f"http://127.0.0.1:{self.server_port}/{kind}/{name}"


@contextmanager
def serving(content):
    """Serve bytes for as long as the context lasts."""
    with Server(content) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
