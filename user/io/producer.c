#include "producer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "peer.h"

static const char *const end_names[PRODUCER_ENDS] = {
	[PRODUCER_FINISHED] = "finished",
	[PRODUCER_CLOSED] = "closed_by_peer",
	[PRODUCER_READ_ERROR] = "read_error",
	[PRODUCER_BAD_FRAME] = "bad_frame",
	[PRODUCER_HANDSHAKE_TIMEOUT] = "handshake_timeout",
	[PRODUCER_REFUSED] = "too_many_connections",
	[PRODUCER_SHUTDOWN] = "shutdown",
};

const char *producer_end_name(enum producer_end end)
{
	return end_names[end];
}

struct producers {
	struct event_base *base;
	struct engine *engine;
	unsigned count, max;
	uint32_t frame_max;
	struct list all;
	struct producers_stats stats;
	uint8_t *scratch; /* what one read brings in; shared, as each read is parsed at once */
};

struct producer {
	struct list node;
	struct producers *ps;
	struct stream *stream;
	struct event *readable, *deadline;
	struct frame_parser parser;
	struct buf pending; /* the beginning of a frame whose end has not come */
	uint64_t nr_frames;
	int fd;
	producer_end_fn on_end;
	void *arg;
	char name[PEER_NAME_MAX];
};

struct producers *producers_new(struct event_base *base, struct engine *engine, unsigned max, uint32_t frame_max)
{
	struct producers *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	ps->base = base;
	ps->engine = engine;
	ps->max = max;
	ps->frame_max = frame_max;
	list_init(&ps->all);
	/* In front of what is read there is room for an unfinished control frame. */
	ps->scratch = malloc(FRAME_HEADER_SIZE * 2 + FRAME_CONTROL_MAX + PRODUCER_READ_SIZE);
	if (ps->scratch)
		return ps;
	free(ps);
	return NULL;
}

static void producer_free(struct producer *p, enum producer_end end)
{
	struct producers *ps = p->ps;

	log_info("producer ended", F_STR("peer", p->name), F_STR("reason", producer_end_name(end)),
		 F_UINT("frames", p->nr_frames));
	ps->stats.nr_ended[end]++;
	ps->stats.nr_torn_bytes += p->pending.len;
	ps->count--;
	if (p->stream)
		engine_stream_end(ps->engine, p->stream, clock_wall_ns());
	if (p->readable)
		event_free(p->readable);
	if (p->deadline)
		event_free(p->deadline);
	close(p->fd);
	buf_release(&p->pending);
	list_remove(&p->node);
	if (p->on_end)
		p->on_end(p->arg, end, p->parser.state >= FRAME_STATE_DATA);
	free(p);
}

void producers_free(struct producers *ps)
{
	if (!ps)
		return;
	while (!list_empty(&ps->all))
		producer_free(container_of(ps->all.next, struct producer, node), PRODUCER_SHUTDOWN);
	free(ps->scratch);
	free(ps);
}

/* Replies fit into an empty socket buffer. A peer that does not take even that has not been reading: it can do without.
 */
static void reply(struct producer *p, void (*write_reply)(struct buf *out))
{
	struct buf out;
	ssize_t n;

	buf_init(&out, FRAME_CONTROL_MAX);
	write_reply(&out);
	do
		n = send(p->fd, out.data, out.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)out.len)
		log_debug("reply not sent", F_STR("peer", p->name));
	buf_release(&out);
}

static void on_bad_frame(struct producer *p)
{
	p->ps->stats.nr_bad_frames[p->parser.error]++;
	log_warn("bad frame", F_STR("peer", p->name), F_STR("reason", frame_error_text(p->parser.error)),
		 F_UINT("length", p->parser.bad_length), F_UINT("limit", p->ps->frame_max),
		 F_UINT("frames_before", p->nr_frames));
	producer_free(p, PRODUCER_BAD_FRAME);
}

static void on_started(struct producer *p)
{
	evtimer_del(p->deadline);
	log_info("producer started", F_STR("peer", p->name),
		 F_STR("handshake", p->parser.bidirectional ? "bidirectional" : "unidirectional"));
}

static void on_stopped(struct producer *p)
{
	if (p->parser.bidirectional)
		reply(p, frame_write_finish);
	producer_free(p, PRODUCER_FINISHED);
}

/* Takes all whole frames off *input. False when the producer has ended and is gone. */
static bool parse(struct producer *p, struct slice *input, uint64_t now_ns)
{
	struct slice data;

	for (;;) {
		switch (frame_next(&p->parser, input, &data)) {
		case FRAME_NEED_MORE:
			return true;
		case FRAME_DATA:
			p->nr_frames++;
			engine_frame(p->ps->engine, p->stream, data, now_ns);
			break;
		case FRAME_SEND_ACCEPT:
			reply(p, frame_write_accept);
			break;
		case FRAME_STARTED:
			on_started(p);
			break;
		case FRAME_STOPPED:
			on_stopped(p);
			return false;
		case FRAME_BAD:
			on_bad_frame(p);
			return false;
		}
	}
}

/* How many bytes the pending data frame lacks; 0 where that cannot be told: a control frame, or not even a header. */
static size_t lacking(const struct producer *p)
{
	struct cursor c = cursor_of(buf_slice(&p->pending));
	uint32_t length = cursor_u32(&c);

	if (c.failed || length == 0)
		return 0;
	return FRAME_HEADER_SIZE + length - p->pending.len;
}

static void on_read_end(struct producer *p, ssize_t n)
{
	if (n == 0) {
		producer_free(p, PRODUCER_CLOSED);
	} else if (errno != EAGAIN && errno != EINTR) {
		log_debug("read failed", F_STR("peer", p->name), F_STR("error", strerror(errno)));
		producer_free(p, PRODUCER_READ_ERROR);
	}
}

static void keep_pending(struct producer *p, struct slice rest)
{
	if (rest.len == 0)
		return;
	buf_add(&p->pending, rest.data, rest.len);
	if (!p->pending.failed)
		return;
	log_warn("no memory for an unfinished frame", F_STR("peer", p->name));
	producer_free(p, PRODUCER_READ_ERROR);
}

/* The rest of a pending data frame is read to where its beginning lies, all that follows into the scratch, by one call.
 */
static void read_behind_pending(struct producer *p, size_t lacks)
{
	struct iovec parts[2];
	struct slice input;
	uint64_t now_ns;
	ssize_t n;

	if (!buf_reserve(&p->pending, lacks)) {
		producer_free(p, PRODUCER_READ_ERROR);
		return;
	}
	parts[0] = (struct iovec){ p->pending.data + p->pending.len, lacks };
	parts[1] = (struct iovec){ p->ps->scratch, PRODUCER_READ_SIZE };
	n = readv(p->fd, parts, 2);
	if (n <= 0) {
		on_read_end(p, n);
		return;
	}
	if ((size_t)n < lacks) {
		p->pending.len += (size_t)n;
		return;
	}
	p->pending.len += lacks;
	now_ns = clock_wall_ns();
	input = buf_slice(&p->pending);
	if (!parse(p, &input, now_ns))
		return;
	buf_reset(&p->pending);
	input = slice_of(p->ps->scratch, (size_t)n - lacks);
	if (parse(p, &input, now_ns))
		keep_pending(p, input);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct producer *p = arg;
	uint8_t *scratch = p->ps->scratch;
	size_t lacks = lacking(p), before = p->pending.len;
	struct slice input;
	ssize_t n;

	(void)what;
	if (lacks) {
		read_behind_pending(p, lacks);
		return;
	}
	if (before)
		memcpy(scratch, p->pending.data, before);
	n = read(fd, scratch + before, PRODUCER_READ_SIZE);
	if (n <= 0) {
		on_read_end(p, n);
		return;
	}
	buf_reset(&p->pending);
	input = slice_of(scratch, before + (size_t)n);
	if (parse(p, &input, clock_wall_ns()))
		keep_pending(p, input);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	producer_free(arg, PRODUCER_HANDSHAKE_TIMEOUT);
}

static void set_keepalive(int fd)
{
	int on = 1, idle_s = PRODUCER_KEEPALIVE_S, interval_s = PRODUCER_KEEPALIVE_S / 4;

	/* Unix sockets know nothing of it, and need it not. */
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	}
}

static bool start(struct producer *p, const struct addr *peer)
{
	struct timeval handshake = { .tv_sec = PRODUCER_HANDSHAKE_S };

	p->stream = engine_stream_new(p->ps->engine, peer, true);
	p->readable = event_new(p->ps->base, p->fd, EV_READ | EV_PERSIST, on_readable, p);
	p->deadline = evtimer_new(p->ps->base, on_deadline, p);
	return p->stream && p->readable && p->deadline && event_add(p->readable, NULL) == 0 &&
	       evtimer_add(p->deadline, &handshake) == 0;
}

static bool refuse(struct producers *ps, int fd, const char *name)
{
	ps->stats.nr_ended[PRODUCER_REFUSED]++;
	log_warn("connection refused", F_STR("peer", name), F_STR("reason", producer_end_name(PRODUCER_REFUSED)),
		 F_UINT("limit", ps->max));
	close(fd);
	return false;
}

bool producers_add(struct producers *ps, int fd, const struct addr *peer, const char *name, producer_end_fn on_end,
		   void *arg)
{
	struct producer *p;

	if (ps->count >= ps->max)
		return refuse(ps, fd, name);
	p = calloc(1, sizeof(*p));
	if (!p) {
		close(fd);
		return false;
	}
	p->ps = ps;
	p->fd = fd;
	snprintf(p->name, sizeof(p->name), "%s", name);
	frame_parser_init(&p->parser, ps->frame_max);
	buf_init(&p->pending, FRAME_HEADER_SIZE + (size_t)ps->frame_max + FRAME_CONTROL_MAX);
	list_init(&p->node);
	list_append(&ps->all, &p->node);
	ps->count++;
	ps->stats.nr_opened++;
	set_keepalive(fd);
	if (!start(p, peer)) {
		producer_free(p, PRODUCER_READ_ERROR);
		return false;
	}
	p->on_end = on_end;
	p->arg = arg;
	return true;
}

unsigned producers_count(const struct producers *ps)
{
	return ps->count;
}

const struct producers_stats *producers_stats(const struct producers *ps)
{
	return &ps->stats;
}
