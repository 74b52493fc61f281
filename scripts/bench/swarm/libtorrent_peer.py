"""A BitTorrent peer on libtorrent, tuned for a LAN: libtorrent_peer.py TORRENT FOLDER ADDRESS [DONE]

It serves until it is killed, and makes the file DONE when its copy is complete. Without DONE it is the seed, whose
data is trusted.
"""
import sys
import time

import libtorrent as lt

torrent, folder, address, done = (sys.argv[1:] + [None])[:4]
session = lt.session(lt.high_performance_seed() | {
    "listen_interfaces": f"{address}:6881",
    "enable_dht": False, "enable_lsd": True, "enable_upnp": False, "enable_natpmp": False,
    "enable_outgoing_utp": False, "enable_incoming_utp": False, "in_enc_policy": 2, "out_enc_policy": 2,
    "allow_multiple_connections_per_ip": False, "unchoke_slots_limit": 8, "unchoke_interval": 1,
    "optimistic_unchoke_interval": 2, "torrent_connect_boost": 100, "connection_speed": 100,
    "smooth_connects": False, "min_reconnect_time": 1, "whole_pieces_threshold": 2, "request_queue_time": 1,
    "max_out_request_queue": 100, "suggest_mode": 0, "initial_picker_threshold": 0,
    "close_redundant_connections": True, "aio_threads": 1, "hashing_threads": 1,
    "tracker_completion_timeout": 10, "announce_to_all_trackers": True, "alert_mask": 0})
params = lt.add_torrent_params()
params.ti = lt.torrent_info(torrent)
params.save_path = folder
params.storage_mode = lt.storage_mode_t.storage_mode_sparse
params.flags = lt.torrent_flags.seed_mode if done is None else lt.torrent_flags.update_subscribe
handle = session.add_torrent(params)
while True:
    time.sleep(0.02 if done else 1)
    if done and handle.status().is_seeding:
        open(done, "w").close()
        done = None
