//! Checks the head of a request strictly by RFC 9112. A head that a proxy could read in another way is refused, which
//! prevents request smuggling.

use http::uri::Authority;

/// How the end of a body is determined (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// A number of bytes; 0 if the head states no length.
    Length(u64),
    /// Chunks; the last one is empty.
    Chunked,
}

/// The reason that a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadRefusal {
    /// It is ambiguous or malformed. The text is for the client.
    Malformed(&'static str),
    /// HTTP/2 by prior knowledge (RFC 9113 section 3.3).
    Http2,
    /// The version is not HTTP/1.0 or HTTP/1.1.
    Version,
}

/// The first bytes of HTTP/2 with prior knowledge (RFC 9113 section 3.4).
pub(super) const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

const LINES: HeadRefusal = HeadRefusal::Malformed("Lines of a head end in CRLF, and CR and LF occur nowhere else.");
const CONTROL: HeadRefusal = HeadRefusal::Malformed("A head has no control characters.");
const REQUEST_LINE: HeadRefusal =
    HeadRefusal::Malformed("The first line is a method, a target and a version, with one space between them.");
const FIELD_LINE: HeadRefusal = HeadRefusal::Malformed("A header is a name, a colon and a value on one line.");
const HOST: HeadRefusal = HeadRefusal::Malformed("A request has one Host header, with a host and a port alone.");
const TARGET: HeadRefusal =
    HeadRefusal::Malformed("The target is a path, or a URL whose host and port are those of the Host header.");
const FRAMING: HeadRefusal = HeadRefusal::Malformed(
    "A body has one Content-Length of digits, or one Transfer-Encoding that is `chunked`, and not both.",
);

/// Searches for bytes that are not allowed in a head, from offset `seen` on. Returns the end of the head, if it is
/// complete.
///
/// `head` may be incomplete. Bytes that were scanned need not be scanned again.
pub(super) fn scan(head: &[u8], seen: usize) -> Result<Option<usize>, HeadRefusal> {
    if !head.first().is_none_or(|first| is_token(*first)) {
        return Err(if matches!(head[0], b'\n' | b'\r') { LINES } else { REQUEST_LINE });
    }
    for at in seen..head.len() {
        let before = at.checked_sub(1).map(|before| head[before]);
        match (before, head[at]) {
            (Some(b'\r'), b'\n') if head[..at].ends_with(b"\r\n\r") => return Ok(Some(at + 1)),
            (Some(b'\r'), b'\n') => {}
            (Some(b'\r'), _) | (_, b'\n') => return Err(LINES),
            (_, b'\t' | b'\r') => {}
            (_, 0..0x20 | 0x7f) => return Err(CONTROL),
            _ => {}
        }
    }
    Ok(None)
}

/// Checks a complete head, including its empty last line, and returns the framing of the body.
pub(super) fn judge(head: &[u8]) -> Result<BodyFraming, HeadRefusal> {
    if head == HTTP_2_PREFACE {
        return Err(HeadRefusal::Http2);
    }
    // `scan` has checked that CR and LF are only at the end of lines.
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (target, version) = request_line(lines.next().unwrap_or_default())?;
    let (mut hosts, mut lengths, mut codings) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = field_line(line)?;
        let fields = match () {
            () if name.eq_ignore_ascii_case(b"host") => &mut hosts,
            () if name.eq_ignore_ascii_case(b"content-length") => &mut lengths,
            () if name.eq_ignore_ascii_case(b"transfer-encoding") => &mut codings,
            () => continue,
        };
        fields.push(value);
    }
    demand_host(target, version, &hosts)?;
    framing(version, &lengths, &codings)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

fn request_line(line: &[u8]) -> Result<(&[u8], Version), HeadRefusal> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { return Err(REQUEST_LINE) };
    if method.is_empty() || !method.iter().copied().all(is_token) || target.is_empty() {
        return Err(REQUEST_LINE);
    }
    match version {
        b"HTTP/1.1" => Ok((target, Version::Http11)),
        b"HTTP/1.0" => Ok((target, Version::Http10)),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(HeadRefusal::Version)
        }
        _ => Err(REQUEST_LINE),
    }
}

fn field_line(line: &[u8]) -> Result<(&[u8], &[u8]), HeadRefusal> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(FIELD_LINE)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().copied().all(is_token) { Err(FIELD_LINE) } else { Ok((name, value)) }
}

/// A byte of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Requires one Host header, equal to the authority of an absolute target (RFC 9112 sections 3.2 and 3.2.2).
fn demand_host(target: &[u8], version: Version, hosts: &[&[u8]]) -> Result<(), HeadRefusal> {
    let host = match (hosts, version) {
        ([host], _) => Some(authority(host).ok_or(HOST)?),
        ([], Version::Http10) => None,
        ([], Version::Http11) | ([_, _, ..], _) => return Err(HOST),
    };
    if target.starts_with(b"/") || target == b"*" {
        return Ok(());
    }
    let target = std::str::from_utf8(target).map_err(|_| TARGET)?;
    let Some((scheme, rest)) = target.split_once("://") else {
        // `CONNECT` has only an authority as its target; no route answers it.
        return if authority(target.as_bytes()).is_some_and(|text| text.contains(':')) { Ok(()) } else { Err(TARGET) };
    };
    let own_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(TARGET),
    };
    let named = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let named = authority(named.as_bytes()).filter(|named| !named.is_empty()).ok_or(TARGET)?;
    let bare = |text: &str| text.strip_suffix(own_port).unwrap_or(text).to_owned();
    match host {
        Some(host) if bare(&host) == bare(&named) => Ok(()),
        Some(_) | None => Err(TARGET),
    }
}

/// `host[:port]` in lower case, or an empty text; `None` for any other text.
fn authority(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() {
        return Some(String::new());
    }
    let known: Authority = text.parse().ok()?;
    let has_user = text.contains('@');
    let port = text.strip_prefix(known.host())?;
    let is_port = port.is_empty() || (port.starts_with(':') && known.port_u16().is_some());
    let is_host = !known.host().is_empty() && !known.host().contains(',');
    (is_host && is_port && !has_user).then(|| text.to_ascii_lowercase())
}

fn framing(version: Version, lengths: &[&[u8]], codings: &[&[u8]]) -> Result<BodyFraming, HeadRefusal> {
    match (lengths, codings, version) {
        ([], [], _) => Ok(BodyFraming::Length(0)),
        ([], [coding], Version::Http11) if coding.eq_ignore_ascii_case(b"chunked") => Ok(BodyFraming::Chunked),
        ([length], [], _) if length.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(length).ok();
            digits.and_then(|digits| digits.parse().ok()).map(BodyFraming::Length).ok_or(FRAMING)
        }
        _ => Err(FRAMING),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_where_it_ends_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nhost: x\r\n\r\nrest";
        for cut in 1..=head.len() {
            let found = scan(&head[..cut], 0).unwrap();
            assert_eq!(found, (cut >= 27).then_some(27), "{cut}");
            assert_eq!(scan(head, cut.min(26)).unwrap(), Some(27), "{cut}");
        }
    }

    #[test]
    fn the_framing_is_that_of_the_head() {
        let of = |fields: &str| judge(format!("POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n").as_bytes());
        assert_eq!(of(""), Ok(BodyFraming::Length(0)));
        assert_eq!(of("Content-Length:  7 \r\n"), Ok(BodyFraming::Length(7)));
        assert_eq!(of("TRANSFER-ENCODING: chunked\r\n"), Ok(BodyFraming::Chunked));
        assert_eq!(of("content-length: 99999999999999999999\r\n"), Err(FRAMING));
        assert_eq!(of("content-length:\r\n"), Err(FRAMING));
        assert_eq!(judge(HTTP_2_PREFACE), Err(HeadRefusal::Http2));
    }

    #[test]
    fn an_authority_is_host_and_port() {
        for good in ["", "x", "x:80", "X.example:1", "127.0.0.1:8080", "[::1]", "[::1]:80", "xn--bcher-kva.example"] {
            assert_eq!(authority(good.as_bytes()), Some(good.to_ascii_lowercase()), "{good}");
        }
        for bad in ["u@x", "@x", "x:", "x:y", "x:99999", "x,y", "x/y", "x y", "[::1", "[::1]x", ":80", "x?y", "x#y"] {
            assert_eq!(authority(bad.as_bytes()), None, "{bad}");
        }
    }
}
