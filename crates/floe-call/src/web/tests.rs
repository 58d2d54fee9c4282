//! Pages, and what becomes of them on their way.

use std::sync::Arc;

use floe_simnet::{Scenario, World, web_server::redirect};
use proptest::prelude::*;

use super::*;

fn page(text: &str) -> WebPage {
    WebPage::parse(text).unwrap()
}

fn judged(text: &str, header: &str) -> WebAnswer {
    page(text).judge(header.as_bytes(), true).unwrap().expect("the header is complete")
}

fn moved(text: &str, location: &str) -> WebAnswer {
    judged(text, &format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\n\r\n"))
}

#[test]
fn pages_are_named_as_in_a_browser() {
    let expected = WebPage { host: "example.org".to_owned(), port: 80, path: "/".to_owned() };
    for text in ["http://example.org", "HTTP://Example.org/", " http://example.org:80/#top"] {
        assert_eq!(page(text), expected, "{text}");
    }
    assert_eq!(page("http://[2001:db8::1]:8080?x").request().lines().next(), Some("GET /?x HTTP/1.1"));
    assert!(page("http://[2001:db8::1]:8080/").request().contains("\r\nHost: [2001:db8::1]:8080\r\n"));
}

#[test]
fn what_is_no_plain_page_is_refused_with_its_reason() {
    use WebPageError::{BadPath, BadPort, Credentials, Encrypted, NoHost, NoScheme};
    for (text, error) in [
        ("https://example.org", Encrypted),
        ("example.org", NoScheme),
        ("http://me:secret@example.org", Credentials),
        ("http://", NoHost),
        ("http://exa mple.org", NoHost),
        ("http://example.org:0", BadPort),
        ("http://example.org/a b", BadPath),
        ("http://example.org/a\r\nHost: other", BadPath),
    ] {
        assert_eq!(WebPage::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_redirect_to_a_stranger_is_a_portal() {
    let to = |to: &str| WebAnswer::Redirected { to: to.to_owned() };
    assert_eq!(moved("http://example.org", "https://login.hotel.example/?next=x"), to("login.hotel.example"));
    assert_eq!(moved("http://example.org", "//10.0.0.1:8080/portal"), to("10.0.0.1"));
    assert_eq!(moved("http://example.org", "http://me@badexample.org/"), to("badexample.org"));
    let sign_in = judged("http://example.org", "HTTP/1.1 511 Network Authentication Required\r\n\r\n");
    assert!(matches!(sign_in, WebAnswer::Redirected { .. }));
}

#[test]
fn what_sites_do_with_their_own_names_is_none() {
    let direct = WebAnswer::Direct { status: 302, is_known: false };
    for location in ["/login", "https://example.org/", "http://www.example.org", "https://de.example.org/x", "nonsense"]
    {
        assert_eq!(moved("http://example.org", location), direct, "{location}");
    }
    assert_eq!(moved("http://www.example.org", "https://example.org"), direct);
    let not_moved = "HTTP/1.1 204 No Content\r\nLocation: http://elsewhere.example\r\n\r\n";
    assert_eq!(judged("http://example.org", not_moved), WebAnswer::Direct { status: 204, is_known: false });
}

#[test]
fn a_page_that_is_known_is_told_from_one_in_its_place() {
    let in_its_place = WebAnswer::Redirected { to: IN_ITS_PLACE.to_owned() };
    let known = |status| WebAnswer::Direct { status, is_known: true };
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    let login = ok("<html><form action=/login><input type=password></form></html>");
    let moved_within = "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n";
    for (url, right) in [
        ("http://a.example/generate_204", "HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        ("http://a.example/hotspot-detect.html", ok("<HTML><BODY>Success</BODY></HTML>")),
        ("http://a.example/connecttest.txt?n=1", ok("Microsoft Connect Test")),
        ("http://a.example/success.txt", ok("success\n")),
    ] {
        let status = if right.contains("204") { 204 } else { 200 };
        assert_eq!(judged(url, &right), known(status), "{url}");
        assert_eq!(judged(url, &login), in_its_place, "{url}");
        assert_eq!(judged(url, moved_within), in_its_place, "{url}");
        let broken = judged(url, "HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert_eq!(broken, WebAnswer::Direct { status: 503, is_known: false }, "{url}");
    }
    assert_eq!(judged("http://a.example/generate_204", &ok("")), known(200));
    // Of any other page nobody knows what it holds.
    assert_eq!(judged("http://a.example/", &login), WebAnswer::Direct { status: 200, is_known: false });
}

#[test]
fn the_contents_of_a_known_page_are_waited_for() {
    let page = page("http://a.example/success.txt");
    assert_eq!(page.judge(b"HTTP/1.1 200 OK\r\n\r\nsucc", false), Ok(None));
    let whole = page.judge(b"HTTP/1.1 200 OK\r\n\r\nsuccess", false);
    assert_eq!(whole, Ok(Some(WebAnswer::Direct { status: 200, is_known: true })));
}

proptest! {
    #[test]
    fn no_answer_is_too_strange_to_read(answer in proptest::collection::vec(any::<u8>(), 0..400), name in "\\PC{0,60}") {
        let _ = page("http://example.org").judge(&answer, false);
        let _ = WebPage::parse(&format!("http://{name}"));
        let location = [b"HTTP/1.1 302 Found\r\nLocation: http://".as_slice(), &answer, b"\r\n\r\n"].concat();
        if let Ok(Some(WebAnswer::Redirected { to })) = page("http://example.org").judge(&location, true) {
            prop_assert!(to.len() <= MAX_HOST && to.is_ascii());
        }
    }
}

async fn asked(answer: &str) -> Result<WebAnswer, String> {
    let mut world = World::build(Scenario::TwoNat, 1).unwrap();
    let url = world.serve_web("page.example", answer.as_bytes()).unwrap();
    let network: Arc<dyn Network> = Arc::clone(&world.a);
    look(&page(&url), &network.interfaces().unwrap(), &*network).await
}

#[tokio::test(start_paused = true)]
async fn a_page_is_asked_for_across_a_router() {
    let redirected = WebAnswer::Redirected { to: "login.hotel.example".to_owned() };
    assert_eq!(asked(&redirect("http://login.hotel.example/")).await, Ok(redirected));
    assert_eq!(asked("HTTP/1.1 204 No Content\r\n\r\n").await, Ok(WebAnswer::Direct { status: 204, is_known: false }));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_ends_early_never_ends_or_is_none_has_its_sentence() {
    assert_eq!(asked("HTTP/1.1 302 Fo").await, Err("its answer was cut off".to_owned()));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(20_000));
    assert_eq!(asked(&endless).await, Err("its answer has too long a header".to_owned()));
    assert!(asked("\u{1}\u{2}SSH-2.0").await.unwrap_err().starts_with("its answer is not HTTP"));
}
