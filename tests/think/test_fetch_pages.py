"""Web pages that come instead of a feed, named where that is certain."""

import pytest

from monitor.fetch.pages import LOOKED_AT, guard_in, kind_of

HERE = "http://news.example/rss"
TLS = "https://news.example/rss"


def page(body="", title="", head=""):
    return f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"


def refresh(target):
    return f'<meta http-equiv="refresh" content="0; url={target}">'


def named(text, asked=HERE, came_from=None):
    kind = kind_of(text, asked=asked, came_from=came_from or asked)
    return kind.reason if kind else None


LINKS = "".join(f'<li><a href="/{n}">Story {n} of the day</a></li>' for n in range(40))
PASSWORD = (
    '<form action="/enter"><input name="user"><input class=x type="password"><button>OK</button></form>'
)
HOME = page(f"<ul>{LINKS}</ul>", "The News")


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        ("Cloudflare", page("<noscript>Enable JavaScript</noscript>", "Just a moment...")),
        ("Cloudflare", page("<script>window._cf_chl_opt={cType:'managed'}</script>", "news.example")),
        ("Cloudflare", page("<h1>Sorry, you have been blocked</h1>", "Attention Required! | Cloudflare")),
        ("DataDome", page("<script>var dd={'host':'geo.captcha-delivery.com'}</script>", "news.example")),
        ("Imperva", page('<iframe src="/_Incapsula_Resource?CWUDNSAI=1">Request unsuccessful.</iframe>')),
        (
            "Imperva",
            page(
                '<script src="/_Incapsula_Resource?SWJIYLWA=1"></script>',
                head='<META NAME="robots" CONTENT="noindex,nofollow">',
            ),
        ),
        ("Imperva", page("<p>Something about your browser made us think</p>", "Pardon Our Interruption")),
        ("HUMAN (PerimeterX)", page('<div id="px-captcha"></div>', "Access to this page has been denied.")),
        ("Akamai", page(head=refresh("/rss?bm-verify=AAQAAAAJ"))),
        ("Akamai", page("Reference #18.1 https://errors.edgesuite.net/18.1", "Access Denied")),
        (
            "DDoS-Guard",
            page('<script src="/.well-known/ddos-guard/js-challenge/index.js"></script>', "DDoS-Guard"),
        ),
        ("DDoS-Guard", page("Checking your browser before accessing news.example", "DDOS-GUARD")),
        ("Qrator", page('<script src="/__qrator/qauth_utm_v2.js"></script>')),
        ("Yandex", page('<form action="/checkcaptcha?key=1"></form>', "Вы не робот?")),
        ("AWS WAF", page("<script>AwsWafIntegration.checkForceRefresh()</script>")),
        ("Anubis", page('<script id="anubis_challenge">{}</script>', "Making sure you&#39;re not a bot!")),
        (
            "the site's host",
            page("<script>document.cookie='__test='+slowAES.decrypt(c,2,a,b);location.href='/?i=1'</script>"),
        ),
    ],
)
def test_a_challenge_is_named_with_whose_it_is(guard, text):
    kind = kind_of(text, asked=TLS, came_from=TLS)
    assert kind is not None
    assert (kind.reason, kind.detail.partition(" wants")[0]) == ("challenge", guard)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "<html><!--<?xml version='1.0'?><WISPAccessGatewayParam><Redirect/></WISPAccessGatewayParam>-->",
            id="WISPr",
        ),
        pytest.param(page(PASSWORD, "Hotel Wi-Fi: sign in"), id="a title"),
        pytest.param(
            page(
                "<h1>Welcome</h1><p>Accept the terms to use our network.</p><form><button>OK</button></form>"
            ),
            id="words",
        ),
        pytest.param(
            page("<p>Для доступа в интернет подтвердите номер</p>" + PASSWORD, "Вход"), id="Russian"
        ),
        pytest.param(page("<h1>Сымсыз желі</h1><p>Желіге кіру</p>" + PASSWORD), id="Kazakh"),
        pytest.param(
            page(head=refresh("http://10.5.0.1/?res=notyet&amp;uamip=10.5.0.1&amp;uamport=3990")),
            id="CoovaChilli",
        ),
        pytest.param(
            page("<script>window.location='http://192.0.2.1:1000/fgtauth?02'</script>"), id="FortiGate"
        ),
        pytest.param(
            page(head=refresh("https://login.provider.example/start?url=x")), id="sent on in the clear"
        ),
        pytest.param(page("<script>location.href='http://hotspot.example/'</script>"), id="to a hotspot"),
    ],
)
def test_a_page_of_the_network_in_between_is_a_captive_portal(text):
    assert named(text) == "captive_portal"


def test_a_redirect_to_an_address_of_a_portal_tells_one():
    portal = "http://wifi.hotel.example/guestportal/start?client_mac=00:11"
    assert named(page("<button>Go</button>", "Welcome"), came_from=portal) == "captive_portal"


@pytest.mark.parametrize(
    ("text", "asked", "came_from"),
    [
        pytest.param(page(PASSWORD, "Sign in | The Wire"), TLS, TLS, id="with a password"),
        pytest.param(page("<h2>Вход для подписчиков</h2>" + PASSWORD), TLS, TLS, id="Russian"),
        pytest.param(page(PASSWORD), TLS, TLS, id="nothing but a password"),
        pytest.param(page("<form><input></form>", "Log in to The Wire"), TLS,
                     "https://news.example/login?next=/rss", id="redirected"),
        pytest.param(page(f"{LINKS}{PASSWORD}", "The Wire - Login"), TLS, "https://id.wire.example/sso/start",
                     id="redirected, with all of the site around it"),
        pytest.param(page(head=refresh("https://sso.publisher.example/login")), TLS, TLS, id="sent on over TLS"),
        pytest.param(page(head=refresh("/login?next=/rss")), HERE, HERE, id="sent on within the site"),
    ],
)  # fmt: skip
def test_a_page_to_sign_in_is_a_login_page(text, asked, came_from):
    assert named(text, asked, came_from) == "login_page"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HOME, id="a home page"),
        pytest.param(HOME.replace("</ul>", "</ul>" + PASSWORD), id="a home page with a login form"),
        pytest.param(page(LINKS + "<script>window._cf_chl_opt={}</script>", "The News"), id="links enough"),
        pytest.param(
            page(
                '<div id="root"></div><script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>'
            ),
            id="a site made by scripts, with a guard's script",
        ),
        pytest.param(
            page('<div id="root"></div><script src="/_Incapsula_Resource?SWJIYLWA=7"></script>', "The News"),
            id="another guard's script",
        ),
        pytest.param(
            page("<div id=app></div>", "Provider: Wi-Fi and internet access"), id="a provider's site"
        ),
        pytest.param(page("<p>Not found</p><form action='/search'><input></form>", "404"), id="not found"),
        pytest.param(page("<p>Wi-Fi 8 is here</p><form action='/search'></form>", "News"), id="an article"),
        pytest.param(page("Just a moment...", "A moment in history"), id="words alone"),
        pytest.param(page("x" * LOOKED_AT, "Just a moment..."), id="a long page"),
        pytest.param(page(head=refresh("https://parking.example/lander")), id="a parked name"),
        pytest.param(page(head=refresh("/new/")), id="moved"),
        pytest.param(page("<p>Access denied</p>", "Access denied"), id="denied without a reason"),
        pytest.param(page("<script>location.href='http://[1'</script>"), id="an address that is none"),
        pytest.param("", id="nothing"),
    ],
)
def test_any_other_page_stays_a_page(text):
    assert named(text) is None


def test_a_password_in_the_address_is_no_redirect():
    text = page("<form></form>", "Sign in")
    assert named(text, "https://desk:secret@news.example", "https://news.example/") is None


@pytest.mark.parametrize(
    "unit", ["<meta ", "<form ", "<input ", "location=", "<title>", "use the ", "<h1>", "\u0130"]
)
def test_a_page_made_to_be_slow_is_not(unit):
    assert named(unit * (LOOKED_AT // len(unit))) in (None, "login_page")


@pytest.mark.parametrize(
    ("headers", "status", "guard"),
    [
        ({"cf-mitigated": "challenge"}, 403, "Cloudflare"),
        ({"cf-mitigated": "challenge"}, 200, "Cloudflare"),
        ({"x-amzn-waf-action": "captcha"}, 405, "AWS WAF"),
        ({"x-vercel-mitigated": "challenge"}, 429, "Vercel"),
        ({"x-amzn-waf-action": "count"}, 200, None),
        ({"Server": "AkamaiGHost"}, 403, "Akamai"),
        ({"Server": "AkamaiGHost"}, 503, None),
        ({"Server": "cloudflare"}, 403, None),
        ({}, 403, None),
    ],
)
def test_the_head_of_an_answer_can_name_a_guard(headers, status, guard):
    assert guard_in(headers, status) == guard
