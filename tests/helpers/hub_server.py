"""A stand-in for the Hugging Face hub on this machine: repositories in memory, in the client's own protocol."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0" * 40


@dataclass
class Hub:
    """What was sent, and what to answer.

    Attributes:
        url: Its address.
        token: The only one that may write.
        files: By repository (``datasets/OWNER/NAME``, ``models/OWNER/NAME``) path and content.
        private: Repositories that were made private.
        commits: Their messages.
        refusal: If not empty, what every request is refused with, with status 403.
        requests: Method and path of all requests.
    """

    url: str
    token: str
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    commits: list[str] = field(default_factory=list)
    refusal: str = ""
    requests: list[str] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def hub_server(token: str) -> Iterator[Hub]:
    """Serve on 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}", token)
    vars(server)["hub"] = hub
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers for :class:`Hub`."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        found: Hub = vars(self.server)["hub"]
        return found

    def do_HEAD(self) -> None:
        self._resolve(body=False)

    def do_GET(self) -> None:
        self._resolve(body=True)

    def do_PUT(self) -> None:
        content = self._body()
        self.hub.blobs[hashlib.sha256(content).hexdigest()] = content
        self._answer({})

    def do_POST(self) -> None:
        content = self._body()
        hub, path = self.hub, self.path.partition("?")[0]
        hub.requests.append(f"POST {path}")
        if hub.refusal:
            self._answer({"error": hub.refusal}, 403)
        elif self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._answer({"error": "Invalid credentials"}, 401)
        elif path == "/api/repos/create":
            self._create(json.loads(content))
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [
                {
                    "path": f["path"],
                    "uploadMode": "regular" if f["path"].endswith((".md", ".csv")) else "lfs",
                    "shouldIgnore": False,
                }
                for f in json.loads(content)["files"]
            ]
            self._answer({"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**item, "actions": {"upload": {"href": f"{hub.url}/put/{item['oid']}"}}}
                for item in json.loads(content)["objects"]
            ]
            self._answer({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/(datasets|models)/([^/]+/[^/]+)/commit/main", path):
            self._commit(f"{found[1]}/{found[2]}", content)
        else:
            self._answer({"error": f"{path} is not known here"}, 404)

    def _create(self, asked: dict[str, Any]) -> None:
        kind = f"{asked.get('type', 'model')}s"
        name = (
            f"{kind}/{asked['organization']}/{asked['name']}"
            if asked.get("organization")
            else f"{kind}/me/{asked['name']}"
        )
        prefix = "datasets/" if kind == "datasets" else ""
        answer = {"url": f"{self.hub.url}/{prefix}{name.partition('/')[2]}"}
        if name in self.hub.files:
            self._answer(answer | {"error": "exists"}, 409)
            return
        self.hub.files[name] = {}
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private.add(name)
        self._answer(answer)

    def _commit(self, repository: str, content: bytes) -> None:
        for line in content.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                self.hub.commits.append(value["summary"])
            elif entry["key"] == "file":
                self.hub.files[repository][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.hub.files[repository][value["path"]] = self.hub.blobs[value["oid"]]
        self._answer(
            {"commitUrl": f"{self.hub.url}/{repository}/commit/{COMMIT}", "commitOid": COMMIT, "pullRequestUrl": None}
        )

    def _resolve(self, *, body: bool) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")
        found = re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/[^/]+/(.+)", self.path.partition("?")[0])
        content = None
        if found:
            content = self.hub.files.get(f"{found[1] or 'models/'}{found[2]}", {}).get(found[3])
        if content is None:
            self._answer({"error": "not found"}, 404, {"X-Error-Code": "EntryNotFound"}, body=body)
            return
        etag = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
        self._answer(content, 200, headers, body=body)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(
        self, content: Any, status: int = 200, headers: dict[str, str] | None = None, *, body: bool = True
    ) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Stay silent."""
