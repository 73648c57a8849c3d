"""The double's own certificate authority: its ports' certificate, and those AutoSSL issues."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 90


class Authority:
    """A CA in `folder`; `ca_file` is what clients must trust."""

    def __init__(self, folder):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Shoplaunch test authority")
        builder = _builder(name, name, self._key.public_key(), self._key.public_key(), authority=True)
        certificate = builder.sign(self._key, hashes.SHA256())
        self._certificate = certificate
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names):
        """Return the path of a PEM file with the key and a certificate for `names` (host names or addresses)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(
            _name(names[0]), self._certificate.subject, key.public_key(), self._key.public_key(), authority=False
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(one) for one in names]), False)
        return self._write(names[0], key, builder.sign(self._key, hashes.SHA256()))

    def self_signed(self, name):
        """Return the path of a PEM file nobody trusts, as a fresh server has."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), _name(name), key.public_key(), key.public_key(), authority=False)
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name)]), False)
        return self._write("self-signed", key, builder.sign(key, hashes.SHA256()))

    def _write(self, name, key, certificate):
        path = self._folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.touch(mode=0o600)
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        return path


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general_name(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(subject, issuer, public_key, issuer_key, *, authority):
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder
