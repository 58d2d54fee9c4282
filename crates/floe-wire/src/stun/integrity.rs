//! MESSAGE-INTEGRITY: whether a message was made by somebody who knows the password (RFC 8489 sections 9 and 14.5).

use serde::{Deserialize, Serialize};
use stun_types::{
    attribute::{Realm, Username},
    message::{LongTermKeyCredentials, Message, MessageIntegrityCredentials, ShortTermCredentials},
};

use super::parse;

/// What came of checking MESSAGE-INTEGRITY while the message passed. A record keeps this and not the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegrityVerdict {
    /// Nobody who knew the password looked, or there was nothing to check.
    #[default]
    Unchecked,
    /// It was made with the password.
    Valid,
    /// It was not made with the password.
    Wrong,
}

/// What a message may have been signed with. It has no `Debug`: it would show the password.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// The password of the side that answers: checks (RFC 8489 section 9.1).
    ShortTerm(&'a str),
    /// An account with a TURN server (section 9.2).
    LongTerm {
        /// The user name.
        user: &'a str,
        /// What the account is for, as the server calls it.
        realm: &'a str,
        /// The password.
        password: &'a str,
    },
}

/// The account that a message says it was signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// USERNAME.
    pub user: String,
    /// REALM.
    pub realm: String,
}

impl Account {
    /// The account a request of a TURN client names; none where short-term credentials are used, or nothing is signed.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Option<Self> {
        let message = parse(datagram).ok()?;
        let user = message.attribute::<Username>().ok()?.username().to_owned();
        Some(Self { user, realm: message.attribute::<Realm>().ok()?.realm().to_owned() })
    }
}

impl Secret<'_> {
    fn credentials(self) -> MessageIntegrityCredentials {
        match self {
            Self::ShortTerm(password) => ShortTermCredentials::new(password.to_owned()).into(),
            Self::LongTerm { user, realm, password } => {
                LongTermKeyCredentials::new(user.to_owned(), password.to_owned(), realm.to_owned()).into()
            }
        }
    }

    /// Whether MESSAGE-INTEGRITY is there and was made with this.
    #[must_use]
    pub fn has_signed(self, datagram: &[u8]) -> bool {
        parse(datagram).is_ok_and(|message| self.is_behind(&message))
    }

    fn is_behind(self, message: &Message<'_>) -> bool {
        message.validate_integrity(&self.credentials()).is_ok()
    }
}

/// Tells whether MESSAGE-INTEGRITY is there and was made with `password` (short-term credentials).
#[must_use]
pub fn is_authentic(datagram: &[u8], password: &str) -> bool {
    Secret::ShortTerm(password).has_signed(datagram)
}

#[cfg(test)]
mod tests {
    use stun_types::message::{
        BINDING, IntegrityAlgorithm, MessageClass, MessageType, MessageWrite as _, MessageWriteExt as _,
        MessageWriteVec,
    };

    use super::*;

    fn signed() -> Vec<u8> {
        let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
        let mut message = Message::builder(kind, 7_u128.into(), MessageWriteVec::new());
        message.add_attribute(&Username::new("alice").unwrap()).unwrap();
        message.add_attribute(&Realm::new("example.org").unwrap()).unwrap();
        let account = LongTermKeyCredentials::new("alice".to_owned(), "hunter2".to_owned(), "example.org".to_owned());
        message.add_message_integrity(&account.into(), IntegrityAlgorithm::Sha1).unwrap();
        message.finish()
    }

    #[test]
    fn an_account_is_the_user_the_realm_and_the_password_together() {
        let account = Account::of(&signed()).unwrap();
        let with = |realm, password| Secret::LongTerm { user: &account.user, realm, password }.has_signed(&signed());
        assert!(with(&account.realm, "hunter2"));
        assert!(!with("example.com", "hunter2"));
        assert!(!with(&account.realm, "hunter3"));
        assert!(!is_authentic(&signed(), "hunter2"));
    }

    #[test]
    fn what_names_no_realm_names_no_account() {
        assert_eq!(Account::of(&signed()[..20]), None);
        assert_eq!(Account::of(b"no message at all"), None);
    }
}
