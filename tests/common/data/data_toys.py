"""Small registries and a small web server for the tests of the data layer."""

import hashlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from common.data.registry import File, Registry, checkout

MIRROR = checkout() / "../shared/data"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def registered(path, content, **changes):
    """Return the registry's entry of a file with this content."""
    return File(**({"path": path, "bytes": len(content), "sha256": sha256(content)} | changes))


def registry_of(*files, name="toy", layouts=None, **changes):
    """Return a registry of one set whose reader is MNIST's."""
    entry = {
        "title": "a toy set",
        "kind": "full",
        "items": 10,
        "licence": "none",
        "home": "https://example.org/toy",
        "mirrors": ["toy"],
        "reader": "mnist",
        "layouts": layouts or {"files": files},
    }
    return Registry(version=1, sets={name: entry | changes})


class Server:
    """Serves the bytes put into ``pages``; a page may fail ``failures`` times first, or be cut short."""

    def __init__(self):
        self.pages, self.failures, self.cut, self.asked = {}, Counter(), set(), Counter()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.http.server_port}/{path}"

    def answer(self, request):
        path = request.path.lstrip("/")
        self.asked[path] += 1
        if self.asked[path] <= self.failures[path]:
            request.send_error(503)
        elif path not in self.pages:
            request.send_error(404)
        else:
            content = self.pages[path]
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content[: len(content) // 2] if path in self.cut else content)
