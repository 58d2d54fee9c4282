//! The system's news about interfaces, addresses and routes.

use crate::{NetworkChanges, NoChanges};

/// Watches, as far as the system lets us.
pub(super) fn watch() -> Box<dyn NetworkChanges> {
    match system::Watch::new() {
        Ok(watch) => Box::new(watch),
        Err(error) => {
            tracing::warn!(%error, "changes of the network will not be noticed");
            Box::new(NoChanges)
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    //! A netlink socket that hears of links, addresses and routes. What it says is not read: the list of interfaces is
    //! asked for anew, so a message that was lost in a full buffer (`ENOBUFS`) is as good as one that arrived.

    use std::{
        io,
        os::{fd::AsFd, unix},
    };

    use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
    use tokio::net::UnixDatagram;

    use crate::{BoxFuture, NetworkChanges};

    /// Multicast groups of rtnetlink(7).
    const RTMGRP_LINK: u32 = 0x1;
    const RTMGRP_IPV4_IFADDR: u32 = 0x10;
    const RTMGRP_IPV4_ROUTE: u32 = 0x40;
    const RTMGRP_IPV6_IFADDR: u32 = 0x100;
    const RTMGRP_IPV6_ROUTE: u32 = 0x400;
    const GROUPS: u32 = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;

    /// To the runtime it is a socket of datagrams like others, and that is all that is asked of it.
    pub(super) struct Watch(UnixDatagram);

    impl Watch {
        pub(super) fn new() -> io::Result<Self> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, GROUPS))?;
            socket.set_non_blocking(true)?;
            let datagrams = unix::net::UnixDatagram::from(socket.as_fd().try_clone_to_owned()?);
            Ok(Self(UnixDatagram::from_std(datagrams)?))
        }
    }

    impl NetworkChanges for Watch {
        fn changed(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(async move {
                // The rest of a longer message is cut off by the system.
                let mut start = [0; 64];
                if let Err(error) = self.0.recv(&mut start).await {
                    tracing::debug!(%error, "news of the network were lost");
                }
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use std::time::Duration;

        use super::*;

        /// Runs `ip` in the namespace of the test; `false` where that is not allowed.
        fn ip(arguments: &[&str]) -> bool {
            std::process::Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
        }

        #[tokio::test]
        async fn a_machine_at_rest_tells_nothing_and_a_change_is_told() {
            let mut watch = Watch::new().expect("netlink is there");
            while tokio::time::timeout(Duration::from_millis(100), watch.changed()).await.is_ok() {}
            // Nothing is changed but in a namespace of the test's own, where loopback is all there is.
            let links = std::process::Command::new("ip").args(["-o", "link"]).output().map(|output| output.stdout);
            if links.is_ok_and(|links| links.iter().filter(|byte| **byte == b'\n').count() > 1)
                || !ip(&["link", "add", "floe-test0", "type", "dummy"])
            {
                return;
            }
            let told = tokio::time::timeout(Duration::from_secs(5), watch.changed()).await;
            assert!(ip(&["link", "delete", "floe-test0"]));
            assert!(told.is_ok(), "an interface was added, and nothing was told");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    //! Addresses that come and go, from the system's own notifications.

    use std::{future::poll_fn, io};

    use if_watch::tokio::IfWatcher;

    use crate::{BoxFuture, NetworkChanges};

    pub(super) struct Watch(IfWatcher);

    impl Watch {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(IfWatcher::new()?))
        }
    }

    impl NetworkChanges for Watch {
        fn changed(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(async move {
                if let Err(error) = poll_fn(|cx| self.0.poll_if_event(cx)).await {
                    tracing::warn!(%error, "changes of the network will not be noticed any more");
                    std::future::pending().await
                }
            })
        }
    }
}
