# SPDX-License-Identifier: Apache-2.0
"""Certificates by the openssl command, and nginx as a TLS server that asks for them."""

import contextlib
import pathlib
import socket
import subprocess

from harness import WAIT_S, find_nginx, free_port, tail, wait_until


class Certificate:
    """A certificate with its key: paths, and texts in PEM."""

    def __init__(self, directory, name):
        self.name = name
        self.path, self.key_path = (pathlib.Path(directory) / f"{name}.{kind}" for kind in ("pem", "key"))

    @property
    def pem(self):
        return self.path.read_text()

    @property
    def key(self):
        return self.key_path.read_text()


class Authority(Certificate):
    """Signed by itself, and signs others."""

    def __init__(self, directory, name):
        super().__init__(directory, name)
        self.directory = pathlib.Path(directory)
        _openssl("req", "-x509", *_key(self), "-out", self.path, "-days", "2")

    def issue(self, name):
        """A certificate for 127.0.0.1, of a server or a client."""
        made = Certificate(self.directory, name)
        request = self.directory / f"{name}.csr"
        _openssl("req", "-new", *_key(made), "-out", request)
        extensions = self.directory / f"{name}.ext"
        extensions.write_text("basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key_path, "-CAcreateserial",
                 "-extfile", extensions, "-out", made.path, "-days", "2")
        return made


def _key(certificate):
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", certificate.key_path,
            "-subj", f"/CN={certificate.name}")


def _openssl(*args):
    done = subprocess.run(["openssl", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=WAIT_S)
    if done.returncode != 0:
        raise AssertionError(f"openssl {args[0]}: {done.stderr}")


class Nginx:
    """TLS before a receiver: with `clients`, for those alone that have a certificate of that authority. The
    receiver gets the client's name as x-client, and the number of the connection as x-connection."""

    CONFIG = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off; keepalive_timeout 1h; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {server.path}; ssl_certificate_key {server.key_path};
        {verify}
        location / {{
            proxy_pass http://127.0.0.1:{receiver.port};
            proxy_set_header x-client $ssl_client_s_dn; proxy_set_header x-connection $connection;
        }}
    }}
}}
"""

    def __init__(self, directory, receiver, server, clients=None):
        program = find_nginx()
        assert program, "there is no nginx: see dev/nginx"
        self.port = free_port()
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        config = self.directory / "nginx.conf"
        verify = f"ssl_verify_client on; ssl_client_certificate {clients.path};" if clients else ""
        config.write_text(self.CONFIG.format(
            dir=self.directory, port=self.port, server=server, verify=verify, receiver=receiver))
        self.process = subprocess.Popen(
            [program, "-p", self.directory, "-e", self.directory / "error.log", "-c", config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._listens, what="nginx listens")
        except AssertionError:
            self.close()
            raise

    def _listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"nginx ended: {tail(self.directory / 'error.log')}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 10):
            return True
        return False

    def url(self, path="/hook"):
        return f"https://127.0.0.1:{self.port}{path}"

    def close(self):
        self.process.terminate()
        self.process.wait(WAIT_S)
