# keystone_lab.py PORT NOVA_PORT - the real Keystone on SQLite in the directory it is started in, with Nova in its catalog, a project
# `admin` and its administrator `admin`; who.json says what an application credential of theirs is, and a token.
import json
import os
import subprocess
import sys
import threading
from socketserver import ThreadingMixIn
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

port, nova = sys.argv[1:3]
del sys.argv[1:]  # Keystone would read them
here = os.getcwd()
url = f"http://127.0.0.1:{port}/v3"
keys = ["fernet_tokens", "fernet_receipts", "credential"]
for name in keys:
    os.mkdir(name, 0o700)
with open("keystone.conf", "w") as conf:
    conf.write(f"[database]\nconnection=sqlite:///{here}/keystone.db\n[token]\nprovider=fernet\n")
    for name in keys:
        conf.write(f"[{name}]\nkey_repository={here}/{name}\n")
bin = os.path.dirname(sys.executable)
manage = [sys.executable, f"{bin}/keystone-manage", "--config-file", f"{here}/keystone.conf"]
quiet = dict(check=True, stdout=sys.stderr)
subprocess.run([*manage, "db_sync"], **quiet)
subprocess.run([*manage, "fernet_setup", "--keystone-user", "root", "--keystone-group", "root"], **quiet)
subprocess.run([*manage, "bootstrap", "--bootstrap-password", "secret", "--bootstrap-region-id", "RegionOne",
                *(word for kind in ("admin", "internal", "public") for word in (f"--bootstrap-{kind}-url", url))], **quiet)
os.environ["OS_KEYSTONE_CONFIG_DIR"] = here
from keystone.wsgi.api import application


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = make_server("127.0.0.1", int(port), application, Server, Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(path, body, token=None):
    headers = {"content-type": "application/json", **({"x-auth-token": token} if token else {})}
    reply = urlopen(Request(url + path, json.dumps(body).encode(), headers))
    return json.load(reply), reply.headers.get("x-subject-token")


admin = {"name": "admin", "domain": {"id": "default"}, "password": "secret"}
scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
auth = {"auth": {"identity": {"methods": ["password"], "password": {"user": admin}}, "scope": scope}}
answer, token = ask("/auth/tokens", auth)
user = answer["token"]["user"]["id"]
service = ask("/services", {"service": {"type": "compute", "name": "nova"}}, token)[0]["service"]["id"]
ask("/endpoints", {"endpoint": {"service_id": service, "interface": "public", "region_id": "RegionOne",
                                "url": f"http://127.0.0.1:{nova}/v2.1"}}, token)
credential = ask(f"/users/{user}/application_credentials", {"application_credential": {"name": "lab"}}, token)[0]
credential = credential["application_credential"]
# Another project of the same user.
other = ask("/projects", {"project": {"name": "other"}}, token)[0]["project"]["id"]
role = json.load(urlopen(Request(url + "/roles?name=member", headers={"x-auth-token": token})))["roles"][0]["id"]
urlopen(Request(f"{url}/projects/{other}/users/{user}/roles/{role}", headers={"x-auth-token": token}, method="PUT"))
with open("who.new", "w") as who:
    json.dump({"id": credential["id"], "secret": credential["secret"], "token": token}, who)
os.rename("who.new", "who.json")
threading.Event().wait()
