//! Rules about codes and checks, before anything works.

use floe_wire::note::{EndReason, RefusalReason};

use super::{
    checks_received, checks_sent, is_anything_answered, is_over, is_time_to_judge, nat::own_dependence, newest_pairs,
};
use crate::{
    Picture,
    diagnosis::{Confidence, Verdict},
    nat::{NatMapping, mapping},
    phases::checking_progress,
    words::count,
};

/// C02: the peer checks with a user fragment of an older code of ours, or we have an older code of its. It may well
/// answer our own checks meanwhile.
pub(in crate::diagnosis) fn older_code(picture: &Picture) -> Option<Verdict> {
    if !picture.selections.is_empty() {
        return None;
    }
    let (for_another, from_another) =
        (picture.evidence.checks_for_unknown_ufrag, picture.evidence.checks_from_unknown_ufrag);
    let (evidence, advice) = match (for_another, from_another) {
        (0, 0) => return None,
        (0, checks) => (
            format!("{} arrived from a newer code than the one pasted here", count(checks, "check")),
            "Ask the other side for its newest code, and paste it.",
        ),
        (checks, _) => (
            format!("{} arrived for a code that is not this one", count(checks, "check")),
            "Send the code shown here to the other side: it has an older one.",
        ),
    };
    Some(Verdict { confidence: Confidence::Likely, evidence, advice: advice.to_owned() })
}

/// C32: people blocked every path there is.
pub(in crate::diagnosis) fn all_blocked(picture: &Picture) -> Option<Verdict> {
    let is_hung_up = picture.ended.is_some() && !is_over(picture);
    let blocked = picture.all_blocked().filter(|_| !is_hung_up)?;
    let evidence = match blocked.here + blocked.there {
        1 => format!("the only path there is was blocked by {}", blocked.by()),
        paths => format!("all {paths} paths there are were blocked by {}", blocked.by()),
    };
    let advice = match blocked.here {
        0 => "Ask the other side to release one of its pairs.",
        _ => "Release a pair: choose it in the Grid, and press Release.",
    };
    Some(Verdict { confidence: Confidence::Certain, evidence, advice: advice.to_owned() })
}

/// C12: the peer's checks arrive, ours are not answered.
pub(in crate::diagnosis) fn one_way(picture: &Picture) -> Option<Verdict> {
    let (sent, received) = (checks_sent(picture), checks_received(picture));
    let is_one_way = received > 0 && sent >= 3 && !is_anything_answered(picture) && is_time_to_judge(picture);
    is_one_way.then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!("{received} of the peer's checks arrived, none of our {} was answered", count(sent, "check")),
        advice: "They reach you, you do not reach them: check the other side's firewall and router.".to_owned(),
    })
}

/// C13: checks leave and nothing arrives, with no symmetric NAT of ours to blame. Whoever has not pasted our code may well
/// answer: answers need its own password alone.
pub(in crate::diagnosis) fn nothing_received(picture: &Picture) -> Option<Verdict> {
    let sent = checks_sent(picture);
    let is_only_answered =
        checks_received(picture) == 0 && is_anything_answered(picture) && picture.selections.is_empty();
    if sent >= 3 && is_only_answered && is_time_to_judge(picture) {
        return Some(Verdict {
            confidence: Confidence::Likely,
            evidence: format!("{} left and were answered, and none of the other side's arrived", count(sent, "check")),
            advice: "Ask the other side to paste your newest code: it answers, and does not check.".to_owned(),
        });
    }
    let is_silent = sent >= 3 && checks_received(picture) == 0 && !is_anything_answered(picture);
    if !is_silent || !is_time_to_judge(picture) || own_dependence(picture).is_some() {
        return None;
    }
    let is_independent = mapping(picture) == Some(NatMapping::EndpointIndependent);
    Some(Verdict {
        confidence: if is_independent { Confidence::Likely } else { Confidence::Possible },
        evidence: format!("{} sent, nothing of the peer arrived", count(sent, "check")),
        advice: "Make sure that the other side has pasted your newest code; else its network filters.".to_owned(),
    })
}

/// C29: it is too early to say.
pub(in crate::diagnosis) fn still_checking(picture: &Picture) -> Option<Verdict> {
    if !picture.selections.is_empty() {
        return None;
    }
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: format!("still checking: {}", checking_progress(picture, "; ")?),
        advice: "Wait, and make sure that the other side has pasted your code.".to_owned(),
    })
}

/// C01: what was pasted is no code of the other side.
pub(in crate::diagnosis) fn wrong_paste(picture: &Picture) -> Option<Verdict> {
    let reason = picture.code_refusal.as_ref().filter(|_| picture.peer_code.is_none())?;
    Some(Verdict {
        confidence: Confidence::Certain,
        evidence: format!("the pasted text was refused: {reason}"),
        advice: "Paste the newest code of the other side, from its first to its last character.".to_owned(),
    })
}

/// C03: both sides claim one role.
pub(in crate::diagnosis) fn role_conflict(picture: &Picture) -> Option<Verdict> {
    let evidence = &picture.evidence;
    let conflicts = evidence.role_conflicts.max(evidence.noted_role_conflicts).max(evidence.claims_of_our_role);
    (conflicts > 0).then(|| Verdict {
        confidence: Confidence::Certain,
        evidence: format!("both sides claimed one role ({})", count(conflicts, "conflict")),
        advice: "Nothing has to be done: the tie-breakers decide.".to_owned(),
    })
}

/// C21: answers come from another address than asked, which ICE must not count (RFC 8445 section 7.2.5.2.1).
pub(in crate::diagnosis) fn asymmetric_answers(picture: &Picture) -> Option<Verdict> {
    let pair =
        newest_pairs(picture).find(|pair| pair.signs.answers_from_elsewhere >= 2 && pair.last_answer.is_none())?;
    (!is_anything_answered(picture) && is_time_to_judge(picture)).then(|| Verdict {
        confidence: Confidence::Likely,
        evidence: format!(
            "{} asked {}, and they came from another address",
            count(pair.signs.answers_from_elsewhere, "answer"),
            pair.id.remote
        ),
        advice: "A router on the way answers from the wrong address: use another network or a relay.".to_owned(),
    })
}

/// C30: what Floe did does not fit what the wire shows, or nothing else explains a failure.
pub(in crate::diagnosis) fn own_fault(picture: &Picture) -> Option<Verdict> {
    if !is_over(picture) {
        return None;
    }
    let advice = "This may be Floe's fault: please send the report.".to_owned();
    let verdict = |confidence, evidence| Some(Verdict { confidence, evidence, advice });
    let unanswered = newest_pairs(picture).find(|pair| pair.requests_received >= 5 && pair.responses_sent == 0);
    let is_forged = picture.counters.refused.iter().any(|(reason, _)| *reason == RefusalReason::BadIntegrity);
    if let Some(pair) = unanswered.filter(|_| !is_forged && picture.peer_code.is_some()) {
        let evidence =
            format!("{} from {} were not answered by us", count(pair.requests_received, "check"), pair.id.remote);
        return verdict(Confidence::Likely, evidence);
    }
    if let Some(pair) = picture.selected_pair().filter(|pair| pair.requests_sent > 0 && pair.last_answer.is_none()) {
        return verdict(Confidence::Likely, format!("{} was used and never answered", pair.id.remote));
    }
    if let Some(EndReason::Insecure { .. } | EndReason::NoNetwork) = picture.ended {
        return None;
    }
    let is_unexplained = picture.selections.is_empty() && newest_pairs(picture).any(|pair| pair.last_answer.is_some());
    let evidence = "a pair was answered, and none was chosen".to_owned();
    if is_unexplained { verdict(Confidence::Possible, evidence) } else { None }
}
