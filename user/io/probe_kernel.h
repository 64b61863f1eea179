/*
 * probe_kernel - what the running kernel calls things: the reasons for which it drops packets, by number, read from its
 * BTF (never compiled in: the numbers change from release to release).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { KERNEL_REASONS = 512 };

struct kernel_facts {
	bool has_btf;
	bool tells_reasons;	     /* kfree_skb has a reason: 5.17 and later */
	bool tells_socket;	     /* and the socket that it was for: 6.11 and later */
	bool has_casts;		     /* a socket filter may look at its packet directly: 6.3 and later */
	char *names[KERNEL_REASONS]; /* "SOCKET_RCVBUFF"; NULL: no such reason */
	uint64_t ignored[KERNEL_REASONS /
			 64]; /* reasons that lose nothing: consumed, a tap's copy, a duplicate of TCP */
	uint64_t taps[4];     /* from, to, from, to: the functions that drop a packet tap's copy; 0: not known */
};

/* Never fails: what cannot be read is not there. Released by kernel_facts_release(). */
void kernel_facts_read(struct kernel_facts *out);
void kernel_facts_release(struct kernel_facts *k);
