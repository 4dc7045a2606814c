# tls_lab.py PORT TARGET - TLS in front of an HTTP server of this machine, by a certificate of an authority of its own; who.json has
# the authority's certificate as `ca`.
import http.client
import json
import os
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, target = map(int, sys.argv[1:3])


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=sys.stderr)


new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=lab authority", "-days", "2")
openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=lab")
with open("names", "w") as names:
    names.write("subjectAltName=IP:127.0.0.1\n")
openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names",
        "-days", "2", "-out", "server.pem")


class Front(BaseHTTPRequestHandler):
    def pass_on(self):
        behind = http.client.HTTPConnection("127.0.0.1", target)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        behind.request(self.command, self.path, body, dict(self.headers))
        reply = behind.getresponse()
        body = reply.read()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = pass_on

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
server = ThreadingHTTPServer(("127.0.0.1", port), Front)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open("who.new", "w") as who:
    json.dump({"ca": os.path.abspath("ca.pem")}, who)
os.rename("who.new", "who.json")
server.serve_forever()
