//! What a side knows of one pair. Messages and texts write the same fields, and each its own kind of number.

use floe_wire::{BaseId, Generation, peer::PairDigest};

use crate::fields::{Reader, Writer};

pub(crate) fn write(out: &mut Writer, pair: &PairDigest, number: impl Fn(&mut Writer, u32)) {
    number(out, pair.generation.0);
    number(out, pair.base.0);
    out.address(pair.remote);
    for count in [pair.requests_sent, pair.responses_received, pair.requests_received, pair.responses_sent] {
        number(out, count);
    }
    out.u8(u8::from(pair.newest_request.is_some())).u32(pair.newest_request.unwrap_or(0));
}

pub(crate) fn read<'a>(body: &mut Reader<'a>, number: impl Fn(&mut Reader<'a>) -> Option<u32>) -> Option<PairDigest> {
    let (generation, base, remote) = (Generation(number(body)?), BaseId(number(body)?), body.address()?);
    let (requests_sent, responses_received) = (number(body)?, number(body)?);
    let (requests_received, responses_sent) = (number(body)?, number(body)?);
    let (is_told, newest) = (body.u8()? != 0, body.u32()?);
    Some(PairDigest {
        generation,
        base,
        remote,
        requests_sent,
        responses_received,
        requests_received,
        responses_sent,
        newest_request: is_told.then_some(newest),
    })
}
