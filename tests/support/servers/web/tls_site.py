"""A shop's server over TLS with certificates of an authority made for the tests."""

import datetime
import http.client
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.answers import send_answer

DAY = datetime.timedelta(days=1)
#: Headers a proxy hands on.
PASSED = ("content-type", "location", "set-cookie", "retry-after")


def _alternative(name):
    """Return the entry of a certificate for the host or address `name`."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Issues certificates; `file` holds its own."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "authority.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        certificate = self._build(self._name, self._key.public_key(), x509.BasicConstraints(True, None), (-1, 30))
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _build(self, name, public, constraints, days, *names):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(constraints, critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(map(_alternative, names)), critical=False)
        else:
            usage = dict.fromkeys(
                ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                 "encipher_only", "decipher_only"), False)  # fmt: skip
            builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        subject = x509.SubjectKeyIdentifier.from_public_key(public)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(subject, critical=False).add_extension(issuer, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, *names, days=(-1, 10)):
        """Return the path of a file with key and certificate for `names`, valid from and to so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = self._build(subject, key.public_key(), x509.BasicConstraints(False, None), days, *names)
        path = self.folder / f"{names[0]}.{certificate.serial_number}.pem"
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.write_bytes(key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM))
        return path


class TlsSite:
    """`pages` maps a path to (status, headers, body), as tests.fakes.shop_site.ShopSite does; over TLS alone."""

    def __init__(self, certificate):
        self.pages = {"/": (200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>")}
        self.requests = []
        self.names = []
        self._context = None
        self.use(certificate)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.path, self.headers["Host"]))
                send_answer(self, *outer.pages.get(self.path, (404, {}, b"nothing here")))

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request, client_address):
                try:
                    secure = outer._context.wrap_socket(request, server_side=True)
                except (ssl.SSLError, OSError):
                    # Who does not believe the certificate goes
                    return
                with secure:
                    super().finish_request(secure, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def use(self, certificate):
        """From the next connection on this certificate is served."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._context = context

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class TlsProxy(TlsSite):
    """Ends TLS in front of the web server at `port` and tells it so, as hosts' front ends do.

    Without `honest` it does not tell: a shop behind it sends its visitors round and round.
    """

    def __init__(self, certificate, port):
        super().__init__(certificate)
        self.honest = True
        self._behind = port
        self.pages = self

    def get(self, path, _default):
        """Return (status, headers, body) of the server behind."""
        host = self.requests[-1][1]
        connection = http.client.HTTPConnection("127.0.0.1", self._behind, timeout=120)
        try:
            more = {"X-Forwarded-Proto": "https"} if self.honest else {}
            connection.request("GET", path, headers={"Host": host, **more})
            answer = connection.getresponse()
            body = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() in PASSED}
            return answer.status, kept, body
        finally:
            connection.close()

    def visit(self, host, path, trusted):
        """Return (status, headers, body) of GET `path` as a visitor of `host` gets it, the certificate verified."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=120, context=trusted)
        http.client.HTTPConnection.connect(connection)
        connection.sock = trusted.wrap_socket(connection.sock, server_hostname=host)
        try:
            connection.request("GET", path, headers={"Host": f"{host}:{self.port}"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()
