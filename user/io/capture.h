/*
 * capture - reads a packet capture, pcap or pcapng, with libpcap: the packets of one file in order of their time
 * stamps. Built with PCAP=0 there is none of it (capture_stub.c): the static build, as libpcap's archive wants D-Bus
 * and systemd.
 */
#pragma once

#include "wire/packet.h"

struct capture;

struct capture_stats {
	uint64_t nr_packets;   /* read */
	uint64_t nr_fragments; /* later fragments, which have no ports */
	uint64_t nr_malformed;
	uint64_t nr_other; /* neither UDP nor TCP nor ICMP */
	uint64_t nr_cut;   /* shorter than on the wire */
};

/* "-" is stdin; files packed by gzip or zstd are not known here. NULL with *why set: a constant, or what libpcap says,
 * valid until the next call. */
struct capture *capture_open(const char *path, const char **why);
void capture_close(struct capture *c);

/*
 * The next packet that wire/packet could parse. 1: *out is set, its payload valid until the next call; 0: the end;
 * -EIO: the file is damaged or cut off there (capture_error() says how), what came before stands.
 */
int capture_next(struct capture *c, struct packet *out);
const char *capture_error(const struct capture *c);

const struct capture_stats *capture_stats(const struct capture *c);
