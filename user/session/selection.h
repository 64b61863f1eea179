/*
 * selection - which finished sessions are printed: filters, then tail-based sampling. What is left out is counted, so
 * that the counts stay exact.
 */
#pragma once

#include "classify.h"

enum { SELECTION_TERMS_MAX = 32 };

struct selection {
	/* Bit n: value n is wanted. 0: no filter of this kind. */
	uint32_t statuses, bitmaps, causes;
	unsigned nr_rcodes, nr_clients, nr_qnames;
	uint16_t rcodes[SELECTION_TERMS_MAX];
	struct addr_prefix clients[SELECTION_TERMS_MAX];
	struct {
		uint8_t len;
		uint8_t wire[DNS_NAME_MAX]; /* lower case */
	} qnames[SELECTION_TERMS_MAX];
	uint64_t succeeded_sample; /* print one in that many of Succeeded; 0 and 1: all */

	uint64_t nr_succeeded; /* that passed the filters, since the start */
	uint64_t nr_filtered;
	uint64_t nr_sampled_out;
};

/*
 * Each takes one term as a user writes it; several terms of one kind are alternatives, kinds are all to be met. False:
 * not understood, or too many. Status and Cause by name, BitMap 0 to 15, rcode by name or number, client as address or
 * prefix, qname as suffix of whole labels.
 */
bool selection_add_status(struct selection *sel, const char *term);
bool selection_add_bitmap(struct selection *sel, const char *term);
bool selection_add_cause(struct selection *sel, const char *term);
bool selection_add_rcode(struct selection *sel, const char *term);
bool selection_add_client(struct selection *sel, const char *term);
bool selection_add_qname(struct selection *sel, const char *term);

/* Whether one term of that kind fits, or there is none. NULL: not known, which fits no term. */
bool selection_rcode(const struct selection *sel, int32_t rcode);
bool selection_client(const struct selection *sel, const struct addr *client);
bool selection_qname(const struct selection *sel, const struct slice *qname);

/* Whether to print it; counts it if not. Sampling takes every n-th, so that a replay chooses what the live run chose.
 */
bool selection_wants(struct selection *sel, const struct session *s, const struct verdict *v);
