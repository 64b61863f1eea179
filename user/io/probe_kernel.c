#include "probe_kernel.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "SKB_DROP_REASON_";

/*
 * Nothing is lost for these: a packet that was consumed, a copy (of a packet tap's, or one that a bridge sent to every
 * port), and what TCP throws away because it has it already.
 */
static const char *const harmless[] = {
	"PACKET_SOCK_ERROR",   "OTHERHOST",	   "TCP_OLD_DATA",   "TCP_OFOMERGE",	     "TCP_OLD_ACK",
	"TCP_ACK_UNSENT_DATA", "TCP_OLD_SEQUENCE", "TCP_OVERWINDOW", "TCP_INVALID_SEQUENCE",
};

static bool is_harmless(const char *name)
{
	for (unsigned i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strcmp(name, harmless[i]) == 0)
			return true;
	return false;
}

static void read_reasons(const struct btf *btf, struct kernel_facts *out)
{
	int id = btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
	const struct btf_enum *e = t ? btf_enum(t) : NULL;

	for (unsigned i = 0; t && i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, e[i].name_off);
		unsigned n = (unsigned)e[i].val;

		if (!name || strncmp(name, prefix, sizeof(prefix) - 1) != 0 || n >= KERNEL_REASONS || out->names[n])
			continue;
		name += sizeof(prefix) - 1;
		out->names[n] = strdup(name);
		if (is_harmless(name))
			out->ignored[n / 64] |= UINT64_C(1) << n % 64;
	}
	/* SKB_NOT_DROPPED_YET, and where it is (6.1 and later) SKB_CONSUMED, which lack the prefix. */
	out->ignored[0] |= 1;
	if (out->names[2] && strcmp(out->names[2], "NOT_SPECIFIED") == 0)
		out->ignored[0] |= 2;
}

/* The parameters of the trace point: a pointer of its own, skb, location, reason, rx_sk. */
static unsigned trace_parameters(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_kfree_skb", BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	t = t && btf_is_ptr(t) ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? btf_vlen(t) : 0;
}

/* Before PACKET_SOCK_ERROR had a name, where the drop was made is all that tells a tap's copy. */
static void read_taps(struct kernel_facts *out)
{
	static const char *const taps[] = { "packet_rcv", "tpacket_rcv" };
	unsigned long long address, last = 0;
	char line[512], name[128];
	int open = -1;
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %127s", &address, name) != 2)
			continue;
		/* Symbols are not sorted everywhere: an end that lies before its begin is none. */
		if (open >= 0 && address > last) {
			out->taps[open * 2 + 1] = address;
			open = -1;
		}
		for (int i = 0; i < 2; i++) {
			if (strcmp(name, taps[i]) == 0 && address) {
				out->taps[(size_t)i * 2] = last = address;
				open = i;
			}
		}
	}
	if (f)
		fclose(f);
}

void kernel_facts_read(struct kernel_facts *out)
{
	struct btf *btf = btf__load_vmlinux_btf();

	*out = (struct kernel_facts){ .has_btf = btf };
	if (!btf)
		return;
	read_reasons(btf, out);
	out->tells_reasons = trace_parameters(btf) >= 4;
	out->tells_socket = trace_parameters(btf) >= 5;
	out->has_casts = btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0 &&
			 btf__find_by_name_kind(btf, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC) > 0;
	read_taps(out);
	btf__free(btf);
}

void kernel_facts_release(struct kernel_facts *k)
{
	for (unsigned i = 0; i < KERNEL_REASONS; i++)
		free(k->names[i]);
}
