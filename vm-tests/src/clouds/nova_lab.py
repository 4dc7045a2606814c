# The real Nova in one process: API, scheduler, conductor and a compute node whose hypervisor is Nova's own fake one, as Nova's functional
# tests have it, served on $PORT. Tokens are looked at by the Keystone at $KEYSTONE. A project may have two servers. That hypervisor
# breaks off when the metadata `lab` of a server says so: what becomes of it then is Nova's own doing.
import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import eventlet
import eventlet.wsgi
from nova import exception
from nova.tests.functional import integrated_helpers as helpers
from nova.virt import fake


class Hypervisor(fake.MediumFakeDriver):
    def spawn(self, context, instance, *rest, **named):
        if instance.metadata.get("lab") == "break off":
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason="the disk is full")
        return super().spawn(context, instance, *rest, **named)


fake.Lab = Hypervisor  # drivers are looked for below `nova.virt`


class Serve(helpers._IntegratedTestBase):
    CAST_AS_CALL = False

    def _setup_compute_service(self):
        self.flags(compute_driver="fake.Lab")
        self.flags(instances=2, group="quota")
        return self._start_compute("compute")

    def test_serve(self):
        application = self.api_fixture.app()

        def known(token):
            if not token:
                return None
            try:
                wanted = Request(os.environ["KEYSTONE"] + "/v3/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token})
                return json.load(urlopen(wanted))["token"]
            except HTTPError:
                return None

        def wsgi(environ, start):
            token = known(environ.get("HTTP_X_AUTH_TOKEN"))
            if token is None or "project" not in token:
                start("401 Unauthorized", [("content-type", "text/plain")])
                return [b"Authentication required"]
            environ.update(HTTP_X_AUTH_USER="admin", HTTP_X_AUTH_PROJECT_ID=self.api_fixture.project_id,
                           HTTP_X_ROLES=",".join(role["name"] for role in token["roles"]))
            return application(environ, start)

        eventlet.wsgi.server(eventlet.listen(("127.0.0.1", int(os.environ["PORT"]))), wsgi, log_output=False)
