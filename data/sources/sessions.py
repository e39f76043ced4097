"""How the web is asked: again where a server has a bad moment, with the certificates
that the system trusts, and as pip and uv are set to.
"""

import ssl
from posixpath import commonpath
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import requests.adapters
import requests.auth
import truststore
import urllib3

from data.sources.settings import Address, Settings

# A server that has a bad moment is asked twice more, but not left alone for as long as
# it may ask for.
RETRIES = urllib3.Retry(
    connect=0,
    read=0,
    other=0,
    status=2,
    status_forcelist=(500, 502, 503, 504),
    backoff_factor=0.3,
    raise_on_status=False,
    respect_retry_after_header=False,
)


class Offer(NamedTuple):
    """What somebody says who was asked for a file.

    Attributes:
        url: of the file, or of who was asked and does not have it.
        session: to fetch it with; None if it cannot be had.
        error: why not; None if it can be had.
    """

    url: str
    session: requests.Session | None
    error: Exception | None


class Adapter(requests.adapters.HTTPAdapter):
    """Trusts what the system trusts, beside what requests brings: a network that looks
    into its traffic has its own certificate there.
    """

    def init_poolmanager(self, *arguments, **options) -> None:
        """Opens connections with the system's certificates."""
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().init_poolmanager(*arguments, ssl_context=context, **options)

    def proxy_manager_for(self, proxy: str, **options) -> urllib3.ProxyManager:
        """Opens connections through a proxy with the system's certificates."""
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return super().proxy_manager_for(proxy, ssl_context=context, **options)


class TrustingAdapter(requests.adapters.HTTPAdapter):
    """Checks no certificates, for a host that pip or uv is set to trust. What comes is
    checked by its bytes.
    """

    def send(
        self,
        request,
        stream=False,
        timeout=None,
        verify=True,
        cert=None,
        proxies=None,
    ) -> requests.Response:
        """Sends a request without checking who answers."""
        with urllib3.warnings.catch_warnings():
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            return super().send(request, stream, timeout, False, cert, proxies)


class Credentials(requests.auth.AuthBase):
    """User and password of the address that a request's address begins with most of,
    on the same host; else those of netrc.
    """

    def __init__(self, addresses: tuple[Address, ...]):
        self.addresses = list(addresses)

    def add(self, address: Address) -> None:
        """Knows one more address."""
        self.addresses.append(address)

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds user and password to a request, if there are some."""
        url = r.url or ""
        near = [
            (len(commonpath([address.url, url])), address.credentials)
            for address in self.addresses
            if address.credentials and urlsplit(address.url)[:2] == urlsplit(url)[:2]
        ]
        pair = max(near)[1] if near else requests.utils.get_netrc_auth(url)
        return requests.auth.HTTPBasicAuth(*pair)(r) if pair else r


class Session(requests.Session):
    """A session of requests; with settings, one that asks as pip and uv do."""

    def __init__(self, settings: Settings | None = None):
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, Adapter(max_retries=RETRIES))
        self.settings = settings
        self.credentials = Credentials(
            settings.indexes + settings.links if settings else ()
        )
        if settings:
            self.auth = self.credentials
            self.cert = settings.client or None
            for host in settings.trusted:
                for end in ("/", *(() if ":" in host else (":",))):
                    trusting = TrustingAdapter(max_retries=RETRIES)
                    self.mount(f"https://{host}{end}", trusting)

    def merge_environment_settings(self, *arguments, **named) -> dict:
        """Lets the settings count more than the environment."""
        merged = super().merge_environment_settings(*arguments, **named)
        if self.settings and self.settings.certificates:
            merged["verify"] = self.settings.certificates
        if self.settings and self.settings.proxy:
            merged["proxies"] = dict.fromkeys(("http", "https"), self.settings.proxy)
        return merged
