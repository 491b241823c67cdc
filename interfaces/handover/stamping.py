"""Time stamps by somebody else (RFC 3161): that a note was there at an instant, whatever the office's own clock and key say.

The authority is asked for no certificates: whose signature to believe, the office says in a file, which it keeps with the stamps.
So nothing in a reply decides whether the reply is believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import TimestampRequestBuilder, TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from interfaces.handover.failing import NotHandedOver
from interfaces.tls import trusted

SILENT_SECONDS_MAX = 5.0
_QUERY = {"Content-Type": "application/timestamp-query"}


class StampRefused(Exception):
    """A reply is no time stamp of this note by an authority that is believed."""


@dataclass(frozen=True)
class Certificates:
    """Whose stamps are believed: those of the authorities, where a root has vouched for them at that time."""

    authorities: Sequence[x509.Certificate]  # an authority takes a new one every few years; the older remain for older stamps
    intermediates: Sequence[x509.Certificate]
    roots: Sequence[x509.Certificate]

    def stamped_at(self, note: str, reply: bytes, nonce: int | None = None) -> datetime:
        """When the note was there, as the reply proves; raises ``StampRefused``."""
        try:
            response = decode_timestamp_response(reply)
            refused: Exception = VerificationError("no authority is known")
            for authority in self.authorities:
                try:
                    return self._verified(response, authority, note, nonce)
                except VerificationError as error:
                    refused = error
        except ValueError as error:  # also of a reply that holds no stamp
            refused = error
        raise StampRefused from refused

    def _verified(self, response: TimeStampResponse, authority: x509.Certificate, note: str, nonce: int | None) -> datetime:
        verifier = VerifierBuilder(
            tsa_certificate=authority, intermediates=list(self.intermediates), roots=list(self.roots), nonce=nonce
        ).build()
        verifier.verify_message(response, note.encode())
        return response.tst_info.gen_time


class Authority:
    """A service that stamps."""

    def __init__(self, url: str, certificates: Certificates) -> None:
        self._url = url
        self._certificates = certificates

    def stamp(self, note: str) -> bytes:
        """The reply to a note, which was verified; raises ``NotHandedOver``."""
        request = TimestampRequestBuilder().data(note.encode()).cert_request(cert_request=False).build()
        try:
            answer = httpx.post(self._url, content=request.as_bytes(), headers=_QUERY, timeout=SILENT_SECONDS_MAX, verify=trusted())
            answer.raise_for_status()
            self._certificates.stamped_at(note, answer.content, request.nonce)
        except httpx.HTTPError as error:
            raise NotHandedOver("Der Zeitstempeldienst antwortet nicht.", type(error).__name__) from error
        except StampRefused as error:
            raise NotHandedOver(
                "Der Zeitstempeldienst antwortet mit keinem Zeitstempel, den seine Zertifikate bestätigen.", "a stamp is refused"
            ) from error
        return answer.content


def read_certificates(written: str) -> Certificates:
    """The certificates in a file in PEM; raises ``ValueError`` with a German sentence."""
    try:
        found = x509.load_pem_x509_certificates(Path(written).read_bytes())
    except OSError as error:
        raise ValueError(f"nennt eine Datei, die sich nicht lesen lässt ({error.strerror})") from None
    except ValueError:
        raise ValueError("nennt eine Datei, in der keine Zertifikate in PEM stehen") from None
    authorities = [each for each in found if _stamps(each)]
    roots = [each for each in found if each.issuer == each.subject]
    if not authorities or not roots:
        raise ValueError("nennt eine Datei, in der das Zertifikat des Zeitstempeldienstes oder das seiner Wurzel fehlt")
    return Certificates(authorities, [each for each in found if each not in authorities and each not in roots], roots)


def _stamps(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage
