/*
 * kernel - the kernel types that probe.bpf.c reads, trimmed to the fields that are read. CO-RE finds their real places
 * on the running kernel by name (preserve_access_index), so order and completeness do not matter here.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct net_device {
	possible_net_t nd_net;
	int ifindex;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned int len, data_len;
	unsigned char *data;
	__be16 protocol;
	__u16 network_header;
	unsigned int tail; /* an offset from head, on 64-bit kernels */
	unsigned char *head;
};

struct iphdr {
	__u8 tos; /* behind a byte of version and length, which are bit fields */
	__be16 frag_off;
	__u8 protocol;
};

struct udphdr {
	__be16 source, dest;
};

#pragma clang attribute pop
