/*
 * link - which open session a frame belongs to: the rules of the contract's section 1 in their order. Nothing is
 * changed here. Chains of sessions that look alike are followed for LINK_CANDIDATES_MAX steps, newest first, so that no
 * client can make a frame expensive by sending the same query again and again.
 */
#pragma once

#include "open.h"

enum {
	LINK_CANDIDATES_MAX = 128,
	LINK_GROUPS_MAX = 32,	    /* forward calls of one query whose CQ is lost */
	LINK_TIME_ALONE_MAX = 1024, /* sessions looked at where time is all there is */
};

/* The session of this client, protocol and query_time: for CR, and for a CQ seen twice. An equal id and question come
 * first, then the oldest. */
struct session *link_query(const struct open_sessions *o, const struct server *server, const struct event *e);

/* The session that has frames of the FQ/FR's forward call. */
struct session *link_call(const struct open_sessions *o, const struct server *server, const struct event *e);

struct link {
	struct session *session; /* NULL: none fits */
	bool is_approximate;	 /* there was more than one, or no sure sign */
};

/* The session whose query made CoreDNS forward: FQ/FR of a call that no session has yet. */
struct link link_forwarder(const struct open_sessions *o, struct server *server, const struct event *e);

/*
 * The FQ/FR groups without CQ to which e, a CR (or, before 1.8.2, a CQ), belongs: those of its id and client that began
 * between its query_time and its response_time, whatever their name. Newest first; returns how many.
 */
unsigned link_groups(const struct open_sessions *o, struct server *server, const struct event *e,
		     struct session *groups[LINK_GROUPS_MAX]);

/*
 * CoreDNS up to 1.7.1 writes no query_time into responses: the session to which this FR or CR belongs, by id and
 * upstream or client. Its query_ns, or that of its last attempt, is the one that the frame lacks.
 */
struct session *link_timeless(const struct open_sessions *o, const struct server *server, const struct event *e);

/* The newest open session of the same client socket, id and question: of which `e`, a CQ, is a retransmission. */
struct session *link_need(const struct open_sessions *o, const struct server *server, const struct event *e);
