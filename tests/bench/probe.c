/*
 * probe - what the BPF programs cost: ns per DNS packet, per other packet and per drop of something else, above an
 * empty program of the same type, by the kernel's own run-time statistics, on real packets through loopback in a
 * network namespace of this process's own. Needs root. Prints one line a case.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../bpf/probe_event.h"
#include "probe.skel.h"

enum { PACKETS = 200000, BATCH = 64 };

static void die(const char *what)
{
	fprintf(stderr, "probe bench: %s: %s\n", what, strerror(errno));
	exit(errno == EPERM ? 77 : 1);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (unshare(CLONE_NEWNET) < 0)
		die("namespace");
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		die("lo");
	close(fd);
}

static void attach(int program)
{
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) < 0 ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0)
		die("AF_PACKET");
}

static int empty_filter(void)
{
	const struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "empty", "GPL", instructions, 2, NULL);

	if (fd < 0)
		die("empty program");
	return fd;
}

struct cost {
	uint64_t ns, runs;
};

static struct cost cost_of(int program)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &size) < 0)
		die("program info");
	return (struct cost){ info.run_time_ns, info.run_cnt };
}

static double per_run(struct cost before, struct cost after)
{
	return after.runs > before.runs ? (double)(after.ns - before.ns) / (double)(after.runs - before.runs) : 0;
}

static int ignore(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return 0;
}

/* A query for www.example.com. A, or as many other bytes. */
static const unsigned char message[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
				       "example\x03"
				       "com\x00\x00\x01\x00\x01";

static void send_packets(uint16_t port, struct ring_buffer *ring)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int out = socket(AF_INET, SOCK_DGRAM, 0), in = socket(AF_INET, SOCK_DGRAM, 0);
	char drain[64];

	if (bind(in, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("bind");
	for (unsigned i = 0; i < PACKETS; i++) {
		sendto(out, message, sizeof(message) - 1, 0, (struct sockaddr *)&to, sizeof(to));
		if (i % BATCH)
			continue;
		while (recv(in, drain, sizeof(drain), MSG_DONTWAIT) > 0)
			;
		ring_buffer__consume(ring);
	}
	close(in);
	close(out);
}

static void run(const char *what, uint16_t port, int program, int empty, struct ring_buffer *ring, double budget)
{
	struct cost before = cost_of(program), before_empty = cost_of(empty);
	double ns, base;

	send_packets(port, ring);
	ns = per_run(before, cost_of(program));
	base = per_run(before_empty, cost_of(empty));
	printf("%-28s %8.0f %8.0f %8.0f %8.0f\n", what, ns, base, ns - base, budget);
}

static struct probe_bpf *load(bool is_direct)
{
	struct probe_bpf *bpf = probe_bpf__open();

	if (bpf)
		bpf->rodata->cfg_direct = is_direct;
	if (bpf && probe_bpf__load(bpf) == 0)
		return bpf;
	probe_bpf__destroy(bpf);
	return NULL;
}

int main(void)
{
	struct probe_bpf *bpf = load(true);
	struct ring_buffer *ring;
	int empty, stats;

	if (!bpf)
		bpf = load(false);
	if (!bpf)
		die("BPF programs");
	ring = ring_buffer__new(bpf_map__fd(bpf->maps.ring), ignore, NULL, NULL);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (!ring || stats < 0)
		die("statistics");
	loopback_up();
	empty = empty_filter();
	attach(empty);
	attach(bpf_program__fd(bpf->progs.watch));
	printf("%-28s %8s %8s %8s %8s\n", "BPF socket filter, ns", "probe", "empty", "above", "budget");
	send_packets(9, ring); /* warm */
	run("a DNS packet over UDP", 53, bpf_program__fd(bpf->progs.watch), empty, ring, 250);
	run("another packet", 9, bpf_program__fd(bpf->progs.watch), empty, ring, 25);
	ring_buffer__free(ring);
	probe_bpf__destroy(bpf);
	return 0;
}
