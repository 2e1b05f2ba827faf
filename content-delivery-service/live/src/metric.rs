//! The names of this role's metrics, each written once.

use backing::Metric;

pub(crate) const SESSIONS: &str = "moocflix_live_webrtc_sessions";
pub(crate) const OPENED: &str = "moocflix_live_webrtc_opened_total";
pub(crate) const REFUSED: &str = "moocflix_live_webrtc_refused_total";
pub(crate) const ENDED: &str = "moocflix_live_webrtc_ended_total";
pub(crate) const PACKETS: &str = "moocflix_live_webrtc_packets_total";
pub(crate) const BYTES: &str = "moocflix_live_webrtc_bytes_total";
pub(crate) const CONNECTIONS_REFUSED: &str = "moocflix_live_webrtc_connections_refused_total";
pub(crate) const DROPPED: &str = "moocflix_live_webrtc_dropped_total";
pub(crate) const KEY_FRAMES: &str = "moocflix_live_key_frame_requests_total";
pub(crate) const ENCODERS_FAILED: &str = "moocflix_live_encoders_failed_total";
pub(crate) const BYTES_WAITING: &str = "moocflix_live_bytes_waiting";
pub(crate) const SEGMENTS_LOST: &str = "moocflix_live_segments_lost_total";
pub(crate) const READ_BY_NODES: &str = "moocflix_live_files_read_by_nodes_total";
pub(crate) const READ_ELSEWHERE: &str = "moocflix_live_files_read_elsewhere_total";
pub(crate) const SENT_ELSEWHERE: &str = "moocflix_live_webrtc_sent_elsewhere_total";
pub(crate) const RTMP_CONNECTIONS: &str = "moocflix_live_rtmp_connections";
pub(crate) const RTMP_REFUSED: &str = "moocflix_live_rtmp_refused_total";

/// Every metric of this role.
pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: SESSIONS,
        help: "open WebRTC sessions, by kind (publisher, viewer)",
    },
    Metric {
        name: OPENED,
        help: "WebRTC sessions that were opened, by kind",
    },
    Metric {
        name: REFUSED,
        help: "requests for a WebRTC session that were refused, by code",
    },
    Metric {
        name: ENDED,
        help: "WebRTC sessions that have ended, by kind and reason",
    },
    Metric {
        name: PACKETS,
        help: "packets of WebRTC, by direction (in, out) and transport (udp, tcp)",
    },
    Metric {
        name: BYTES,
        help: "bytes of WebRTC's packets, by direction and transport",
    },
    Metric {
        name: CONNECTIONS_REFUSED,
        help: "connections of ICE over TCP that were refused because too many of their address had named no session",
    },
    Metric {
        name: DROPPED,
        help: "packets of WebRTC that were dropped: of nobody known, or where a queue was full",
    },
    Metric {
        name: KEY_FRAMES,
        help: "key frames that publishers were asked for",
    },
    Metric {
        name: ENCODERS_FAILED,
        help: "encoders of live lectures that ended and were started again, by kind (opus-to-aac, aac-to-opus, pictures)",
    },
    Metric {
        name: BYTES_WAITING,
        help: "bytes of segments of live lectures that wait to be stored",
    },
    Metric {
        name: SEGMENTS_LOST,
        help: "segments of live lectures that are not recorded because the store is too slow",
    },
    Metric {
        name: READ_BY_NODES,
        help: "files of lectures held here that other nodes asked for, by kind (index, playlist, init, segment, part)",
    },
    Metric {
        name: READ_ELSEWHERE,
        help: "files of lectures that another node was asked for, by kind and outcome (ok, failed)",
    },
    Metric {
        name: SENT_ELSEWHERE,
        help: "clients of WebRTC that were sent to the node that holds their lecture, by kind (publisher, viewer)",
    },
    Metric {
        name: RTMP_CONNECTIONS,
        help: "connections by RTMP that are open",
    },
    Metric {
        name: RTMP_REFUSED,
        help: "publishers by RTMP that were refused, by reason (connections, key, ended, storage, protocol, media, unavailable)",
    },
];
