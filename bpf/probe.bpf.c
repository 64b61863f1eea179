/*
 * probe - two programs. `watch` is the filter of an AF_PACKET socket in CoreDNS's network namespace: it writes a record
 * for each DNS packet and lets nothing through to the socket. `drop` sees every packet that the kernel frees with a
 * reason, in all namespaces, and writes a record for those of DNS ports. `watch` is loaded once for each watch, with
 * its own constants.
 */
#include "probe_event.h"

#include "packet.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { PKT_TYPE_OTHERHOST = 3, PKT_TYPE_OUTGOING = 4, REASONS = 512 };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PROBE_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* Drops of DNS packets by reason. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

/* Too large for the stack. A drop may happen while `watch` runs, so each has its own. */
struct scratch {
	struct probe_event event;
	__u8 bytes[PROBE_TCP_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

enum { SCRATCH_WATCH, SCRATCH_DROP };

const volatile __u32 cfg_watch = 0;
const volatile __u16 cfg_ports[PROBE_PORTS] = { 53 }; /* a zero ends it */
const volatile bool cfg_filter_addresses = false;
const volatile struct probe_address cfg_addresses[PROBE_ADDRESSES] = {};
const volatile __u32 cfg_nr_addresses = 0;

/* The kernel has bpf_cast_to_kern_ctx and bpf_rdonly_cast. */
const volatile bool cfg_direct = false;

/* `drop`: reasons that are no loss, and the functions that drop a packet tap's own copy. */
const volatile __u64 cfg_ignored[REASONS / 64] = {};
const volatile __u64 cfg_taps[4] = {}; /* from, to, from, to */

/* Ports of all watches; written by user space as they come and go. */
__u64 port_bits[65536 / 64];

/* The same as PROBE_COUNT_RING_FULL, to be read without a system call. */
__u64 nr_ring_full;

PKT_INLINE void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counters, &what);

	if (n)
		(*n)++;
}

/* The list ends with a zero. */
PKT_INLINE bool is_port_of(const struct pkt_flow *f)
{
	for (__u32 i = 0; i < PROBE_PORTS; i++) {
		__u16 port = cfg_ports[i];

		if (!port)
			break;
		if (port == f->sport || port == f->dport)
			return true;
	}
	return false;
}

PKT_INLINE bool is_end(const volatile struct probe_address *a, const __u8 *ip, __u8 family, __u16 port)
{
	if (a->port && a->port != port)
		return false;
	if (!a->family)
		return true;
	if (a->family != family)
		return false;
	for (int i = 0; i < 16; i++)
		if (a->ip[i] != ip[i])
			return false;
	return true;
}

/* In a namespace that others use, too. */
PKT_INLINE bool is_address(const struct pkt_flow *f)
{
	if (!cfg_filter_addresses)
		return true;
	for (__u32 i = 0; i < PROBE_ADDRESSES; i++) {
		if (i >= cfg_nr_addresses)
			break;
		if (is_end(&cfg_addresses[i], f->saddr, f->family, f->sport) ||
		    is_end(&cfg_addresses[i], f->daddr, f->family, f->dport))
			return true;
	}
	return false;
}

PKT_INLINE struct scratch *event_of(const struct pkt_flow *f, __u32 which)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &which);
	struct probe_event *e;

	if (!s)
		return NULL;
	e = &s->event;
	__builtin_memset(e, 0, sizeof(*e));
	e->time_ns = bpf_ktime_get_ns();
	e->tcp_seq = f->tcp_seq;
	e->payload_len = f->payload_len;
	e->sport = f->sport;
	e->dport = f->dport;
	e->family = f->family;
	e->protocol = f->protocol;
	e->tcp_flags = f->tcp_flags;
	__builtin_memcpy(e->saddr, f->saddr, 16);
	__builtin_memcpy(e->daddr, f->daddr, 16);
	return s;
}

/* `max` bytes of the payload at most; what cannot be read is left out, and the reader sees that it was cut. */
PKT_INLINE int submit(const struct pkt *p, __u32 which, __u32 at, __u32 len, __u32 max)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &which);
	__u64 n = p->len > at ? p->len - at : 0;

	if (n > len)
		n = len;
	if (n > max)
		n = max;
	/* The verifier wants the bounds on the very register. */
	asm volatile("" : "+r"(n));
	n &= 2 * PROBE_TCP_BYTES - 1;
	if (!s)
		return 0;
	if (n < 1 || n > PROBE_TCP_BYTES || !pkt_load(p, at, s->bytes, n))
		n = 0;
	s->event.captured = n;
	if (bpf_ringbuf_output(&ring, s, sizeof(s->event) + n, 0)) {
		count(PROBE_COUNT_RING_FULL);
		__sync_fetch_and_add(&nr_ring_full, 1);
	}
	return 0;
}

/* A function of its own, so that the verifier goes through it once and not along each way that leads to it. */
__attribute__((noinline)) int submit_seen(struct __sk_buff *skb, __u32 at, __u32 len, __u32 max)
{
	struct pkt p = { .skb = skb, .len = skb->len };

	return submit(&p, SCRATCH_WATCH, at, len, max);
}

PKT_INLINE void submit_segment(struct __sk_buff *skb, struct scratch *s, const struct pkt_flow *f)
{
	__u32 done = 0;

	for (int i = 0; i < PROBE_TCP_RECORDS; i++) {
		s->event.tcp_seq = f->tcp_seq + done;
		s->event.payload_len = f->payload_len - done;
		if (s->event.payload_len > PROBE_TCP_BYTES && i + 1 < PROBE_TCP_RECORDS)
			s->event.payload_len = PROBE_TCP_BYTES;
		submit_seen(skb, f->payload_at + done, s->event.payload_len, PROBE_TCP_BYTES);
		done += s->event.payload_len;
		if (done >= f->payload_len)
			return;
		/* Said once. */
		s->event.tcp_flags &= ~(1 | 2 | 4);
	}
}

PKT_INLINE void tell(struct __sk_buff *skb, const struct pkt *p, const struct pkt_ip *ip, struct pkt_flow *f)
{
	struct scratch *s;

	if (pkt_transport(p, ip, f) != PKT_OK) {
		count(PROBE_COUNT_MALFORMED);
		return;
	}
	if (f->protocol == PKT_TCP && !f->is_icmp && !f->payload_len && !(f->tcp_flags & (1 | 2 | 4))) {
		count(PROBE_COUNT_TCP_EMPTY);
		return;
	}
	s = event_of(f, SCRATCH_WATCH);
	if (!s)
		return;
	s->event.kind = f->is_icmp ? PROBE_ICMP : PROBE_PACKET;
	s->event.reason = f->icmp;
	s->event.watch = cfg_watch;
	s->event.ifindex = skb->ifindex;
	s->event.direction = skb->pkt_type == PKT_TYPE_OUTGOING ? PROBE_OUT : PROBE_IN;
	if (f->protocol == PKT_TCP && !f->is_icmp) {
		count(PROBE_COUNT_TCP);
		if (f->payload_len > PROBE_TCP_BYTES * PROBE_TCP_RECORDS)
			count(PROBE_COUNT_CUT);
		submit_segment(skb, s, f);
	} else {
		count(f->is_icmp ? PROBE_COUNT_ICMP : PROBE_COUNT_UDP);
		submit_seen(skb, f->payload_at, f->payload_len, PROBE_UDP_BYTES);
	}
}

/* What is less simple than UDP or TCP behind a plain IP header. */
__attribute__((noinline)) int parse_other(struct __sk_buff *skb, struct pkt_flow *f, struct pkt_ip *ip)
{
	struct pkt p = { .skb = skb, .len = skb->len };
	__u16 ethertype = bpf_ntohs(skb->protocol);
	__u32 at = 0;

	if (!f || !ip)
		return PKT_OTHER;
	/* A tag that no device has taken off. */
	for (int i = 0; i < 2 && (ethertype == PKT_VLAN || ethertype == PKT_QINQ); i++) {
		__u8 tag[4] __attribute__((aligned(4)));

		if (!pkt_load(&p, at, tag, sizeof(tag)))
			return PKT_SHORT;
		ethertype = pkt_u16(tag + 2);
		at += 4;
	}
	return pkt_flow_of(&p, at, ethertype, f, ip);
}

/* Kernel 6.3 and later let a filter look at its packet without a call for each look, which costs as much as all the
 * rest. */
extern void *bpf_cast_to_kern_ctx(void *skb) __ksym __weak;
extern void *bpf_rdonly_cast(const void *obj, __u32 type) __ksym __weak;

/* UDP or TCP behind a plain IPv4 header, and none of our ports. Where it cannot be told so, false. */
PKT_INLINE bool is_surely_other(struct __sk_buff *ctx, __u16 ethertype)
{
	struct sk_buff *skb;
	struct pkt_flow f;
	struct iphdr *ip;
	struct udphdr *udp;

	if (!cfg_direct || ethertype != PKT_IPV4)
		return false;
	skb = bpf_cast_to_kern_ctx(ctx);
	if (skb->len - skb->data_len < 28)
		return false;
	ip = bpf_rdonly_cast(skb->data, bpf_core_type_id_kernel(struct iphdr));
	if (*(__u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0x3fff) ||
	    (ip->protocol != PKT_UDP && ip->protocol != PKT_TCP))
		return false;
	udp = bpf_rdonly_cast(skb->data + 20, bpf_core_type_id_kernel(struct udphdr));
	f.sport = bpf_ntohs(udp->source);
	f.dport = bpf_ntohs(udp->dest);
	return !is_port_of(&f);
}

SEC("socket")
int watch(struct __sk_buff *skb)
{
	struct pkt p = { .skb = skb, .len = skb->len };
	__u16 ethertype = bpf_ntohs(skb->protocol);
	int result = PKT_OK;
	struct pkt_flow f;
	struct pkt_ip ip;
	__u8 h[48] __attribute__((aligned(8)));

	if (is_surely_other(skb, ethertype)) {
		count(PROBE_COUNT_OTHER);
		return 0;
	}
	if (pkt_plain(&p, ethertype, h, &f) == PKT_OK) {
		if (!is_port_of(&f)) {
			count(PROBE_COUNT_OTHER);
			return 0;
		}
		pkt_plain_rest(&p, ethertype, h, &f, &ip);
	} else {
		__builtin_memset(&f, 0, sizeof(f));
		__builtin_memset(&ip, 0, sizeof(ip));
		result = parse_other(skb, &f, &ip);
	}
	if (result == PKT_OK && is_port_of(&f) && is_address(&f) && skb->pkt_type != PKT_TYPE_OTHERHOST)
		tell(skb, &p, &ip, &f);
	else if (result == PKT_FRAGMENT)
		count(PROBE_COUNT_FRAGMENT);
	else if (result == PKT_SHORT)
		count(PROBE_COUNT_MALFORMED);
	else
		count(PROBE_COUNT_OTHER);
	return 0;
}

PKT_INLINE bool is_watched_port(__u16 port)
{
	return port_bits[port >> 6] >> (port & 63) & 1;
}

/* Where it was dropped: the socket that it was for knows, or the one that sent it, or the device. */
PKT_INLINE __u32 netns_of(struct sk_buff *skb, struct sock *rx_sk)
{
	if (rx_sk)
		return BPF_CORE_READ(rx_sk, __sk_common.skc_net.net, ns.inum);
	if (skb->sk)
		return BPF_CORE_READ(skb, sk, __sk_common.skc_net.net, ns.inum);
	/* In a UDP socket's queue other things stand in the place of dev: reading what they point to fails, or tells a
	 * namespace that nobody watches. */
	return BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
}

PKT_INLINE int dropped(struct sk_buff *skb, __u64 location, __u32 reason, struct sock *rx_sk)
{
	__u16 ethertype = bpf_ntohs(skb->protocol);
	struct pkt p = { .skb = NULL };
	struct pkt_flow f;
	struct pkt_ip ip;
	struct scratch *s;
	__u32 at, key = reason < REASONS ? reason : REASONS - 1;
	__u64 *n;

	asm volatile("" : "+r"(key)); /* for the verifier, as the compiler knows it already */
	key &= REASONS - 1;
	if (cfg_ignored[key >> 6] >> (key & 63) & 1)
		return 0;
	if ((location >= cfg_taps[0] && location < cfg_taps[1]) || (location >= cfg_taps[2] && location < cfg_taps[3]))
		return 0;
	at = skb->network_header;
	if ((ethertype != PKT_IPV4 && ethertype != PKT_IPV6) || at == 0xffff || skb->tail <= at)
		return 0;
	p.bytes = skb->head + at;
	p.len = skb->tail - at;
	if (pkt_flow_of(&p, 0, ethertype, &f, &ip) != PKT_OK || f.is_icmp ||
	    !(is_watched_port(f.sport) || is_watched_port(f.dport)) || pkt_transport(&p, &ip, &f) != PKT_OK)
		return 0;
	/* An empty segment is no message. */
	if (f.protocol == PKT_TCP && !f.payload_len)
		return 0;
	count(PROBE_COUNT_DROP);
	n = bpf_map_lookup_elem(&reasons, &key);
	if (n)
		(*n)++;
	s = event_of(&f, SCRATCH_DROP);
	if (!s)
		return 0;
	s->event.kind = PROBE_DROP;
	s->event.reason = reason;
	s->event.netns = netns_of(skb, rx_sk);
	submit(&p, SCRATCH_DROP, f.payload_at, f.payload_len, PROBE_DROP_BYTES);
	return 0;
}

/* Kernels differ in what they tell: the socket that it was for came in 6.11. User space loads the one that fits. */
SEC("?tp_btf/kfree_skb")
int BPF_PROG(drop, struct sk_buff *skb, void *location, __u32 reason)
{
	return dropped(skb, (__u64)location, reason, NULL);
}

SEC("?tp_btf/kfree_skb")
int BPF_PROG(drop_of_socket, struct sk_buff *skb, void *location, __u32 reason, struct sock *rx_sk)
{
	return dropped(skb, (__u64)location, reason, rx_sk);
}
