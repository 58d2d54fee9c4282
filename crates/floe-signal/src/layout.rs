//! The binary contents of a code; the table is at [`Code`].

use floe_wire::Candidate;

use crate::{
    CandidateProblem, Capabilities, Code, CodeError, VERSION,
    candidate_field::{self, CANDIDATE},
    credentials::{PASSWORD_BYTES, UFRAG_BYTES, is_ice_text, to_bytes, to_text},
    hidden_field::{self, HIDDEN, HiddenHost, MAX_HIDDEN},
    tcp_field::{self, TcpPorts},
};

const NAT_SUMMARY: u8 = 0x01;
const UFRAG_TEXT: u8 = 0x02;
const PASSWORD_TEXT: u8 = 0x03;
const TCP_PORTS: u8 = 0x04;

/// RFC 8839 section 5.4.
const MIN_UFRAG: usize = 4;
const MIN_PASSWORD: usize = 22;

const CUT_SHORT: CodeError = CodeError::BadContents { what: "its contents end too early" };

/// Writes the contents of a code.
pub(crate) fn write(code: &Code) -> Vec<u8> {
    let ufrag = to_bytes::<UFRAG_BYTES>(&code.ufrag);
    let password = to_bytes::<PASSWORD_BYTES>(&code.password);
    let mut out = Vec::new();
    out.extend(code.tie_breaker.to_be_bytes());
    out.extend(ufrag.unwrap_or_default());
    out.extend(password.unwrap_or_default());
    out.extend(code.fingerprint);
    out.extend(&code.created_s.min((1 << 40) - 1).to_be_bytes()[3..]);
    out.extend(code.capabilities.0.to_be_bytes());
    if let Some(summary) = code.nat_summary {
        put_field(&mut out, NAT_SUMMARY, &summary);
    }
    if ufrag.is_none() {
        put_field(&mut out, UFRAG_TEXT, code.ufrag.as_bytes());
    }
    if password.is_none() {
        put_field(&mut out, PASSWORD_TEXT, code.password.as_bytes());
    }
    let (ports, candidates) = tcp_field::fold(&code.candidates);
    if let Some(ports) = ports {
        put_field(&mut out, TCP_PORTS, &ports.write());
    }
    for (tag, body) in candidate_field::write_all(&candidates) {
        put_field(&mut out, tag, &body);
    }
    for host in code.hidden.iter().take(MAX_HIDDEN) {
        put_field(&mut out, HIDDEN, &host.write());
    }
    out
}

/// A body above 255 bytes does not fit and is cut; only a credential of 256 characters could be that long.
fn put_field(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    out.extend([tag, length]);
    out.extend(&body[..usize::from(length)]);
}

/// Reads the contents of a code.
pub(crate) fn read(contents: &[u8]) -> Result<(Code, Vec<CandidateProblem>), CodeError> {
    let mut rest = contents;
    let tie_breaker = u64::from_be_bytes(take(&mut rest)?);
    let mut ufrag = to_text(&take::<UFRAG_BYTES>(&mut rest)?);
    let mut password = to_text(&take::<PASSWORD_BYTES>(&mut rest)?);
    let fingerprint = take(&mut rest)?;
    let [a, b, c, d, e] = take(&mut rest)?;
    let created_s = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let capabilities = Capabilities(u16::from_be_bytes(take(&mut rest)?));
    let mut fields = Fields::read(rest)?;
    if let Some(text) = fields.ufrag.take() {
        ufrag = text;
    }
    if let Some(text) = fields.password.take() {
        password = text;
    }
    if !is_ice_text(&ufrag, MIN_UFRAG) {
        return Err(CodeError::BadContents { what: "its user fragment is not one" });
    }
    if !is_ice_text(&password, MIN_PASSWORD) {
        return Err(CodeError::BadContents { what: "its password is not one" });
    }
    let Fields { nat_summary, candidates, hidden, problems, .. } = fields;
    let version = VERSION;
    let code = Code {
        version,
        tie_breaker,
        ufrag,
        password,
        fingerprint,
        created_s,
        capabilities,
        nat_summary,
        candidates,
        hidden,
    };
    Ok((code, problems))
}

/// What comes after the fixed part.
#[derive(Default)]
struct Fields {
    nat_summary: Option<[u8; 2]>,
    ufrag: Option<String>,
    password: Option<String>,
    candidates: Vec<Candidate>,
    hidden: Vec<HiddenHost>,
    problems: Vec<CandidateProblem>,
}

impl Fields {
    fn read(mut rest: &[u8]) -> Result<Self, CodeError> {
        let mut fields = Self::default();
        let mut candidates = candidate_field::Reader::default();
        let mut hidden = hidden_field::Reader::default();
        let mut ports = None;
        while !rest.is_empty() {
            let [tag, length] = take(&mut rest)?;
            let (body, after) = rest.split_at_checked(length.into()).ok_or(CUT_SHORT)?;
            rest = after;
            match tag {
                HIDDEN => hidden.take(body),
                CANDIDATE.. => candidates.take(tag, body)?,
                NAT_SUMMARY => fields.nat_summary = body.first_chunk().copied(),
                UFRAG_TEXT => fields.ufrag = Some(text(body)?),
                PASSWORD_TEXT => fields.password = Some(text(body)?),
                TCP_PORTS => ports = TcpPorts::read(body),
                _ => {}
            }
        }
        (fields.candidates, fields.problems) = candidates.finish();
        if let Some(ports) = ports {
            ports.unfold(&mut fields.candidates, &mut fields.problems);
        }
        fields.hidden = hidden.finish(&mut fields.problems);
        Ok(fields)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CodeError> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(CUT_SHORT)?;
    *rest = after;
    Ok(*taken)
}

fn text(body: &[u8]) -> Result<String, CodeError> {
    String::from_utf8(body.to_vec()).map_err(|_| CodeError::BadContents { what: "its credentials are not text" })
}
