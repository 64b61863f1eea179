#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* head and tail count bytes since the start; both stand at the beginning of a line, but for tail inside a write. */
struct sink {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t has_data, has_space;
	uint8_t *ring;
	size_t size;
	uint64_t head, tail;
	uint64_t line; /* where the line begins in which tail stands: kept, in case it must be written anew elsewhere */
	uint64_t reopen_at; /* head when the output was to be opened anew: what is queued before goes to the old file */
	const char *path;
	int fd;
	bool is_lossless, is_closing, is_done, wants_reopen, has_failed;
	bool is_abandoned; /* nobody waits for the thread: it frees the sink */
	struct sink_stats stats;
};

static size_t queued(const struct sink *s)
{
	return (size_t)(s->head - s->tail);
}

static void wait_ms(struct sink *s, pthread_cond_t *cond, unsigned ms)
{
	uint64_t until_ns = clock_monotonic_ns() + ms * 1000000ULL;
	struct timespec until = { .tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000) };

	pthread_cond_timedwait(cond, &s->lock, &until);
}

/* stdout may be non-blocking, if those who share it made it so. */
static void wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	poll(&p, 1, SINK_RETRY_MS);
}

static void on_write_error(struct sink *s, int error)
{
	s->stats.nr_write_errors++;
	if (error == EPIPE) {
		s->stats.is_broken = true;
		if (!s->is_lossless)
			log_error("output's reader has gone", F_STR("output", s->path));
		return;
	}
	if (s->is_lossless) {
		/* Nobody would empty the disk for a replay: it fails. */
		log_errno(error, "output cannot be written", s->path);
		s->has_failed = s->stats.is_broken = true;
		return;
	}
	if (!s->has_failed)
		log_errno(error, "output cannot be written, trying again", s->path);
	s->has_failed = true;
	wait_ms(s, &s->has_data, SINK_RETRY_MS);
}

/* Writes one piece without the lock; what it covers stays put, as tail has not moved. */
static void write_piece(struct sink *s, uint64_t until)
{
	size_t at = (size_t)(s->tail % s->size), n = (size_t)(until - s->tail);
	const uint8_t *newline;
	ssize_t written;
	int error;

	if (n > s->size - at)
		n = s->size - at;
	if (n > SINK_WRITE_SIZE)
		n = SINK_WRITE_SIZE;
	pthread_mutex_unlock(&s->lock);
	written = write(s->fd, s->ring + at, n);
	error = errno;
	if (written < 0 && error == EAGAIN)
		wait_writable(s->fd);
	pthread_mutex_lock(&s->lock);
	if (written < 0) {
		if (error != EAGAIN && error != EINTR)
			on_write_error(s, error);
		return;
	}
	if (s->has_failed)
		log_info("output can be written again", F_STR("output", s->path));
	s->has_failed = false;
	newline = memrchr(s->ring + at, '\n', (size_t)written);
	if (newline)
		s->line = s->tail + (uint64_t)(newline - (s->ring + at)) + 1;
	s->tail += (uint64_t)written;
	s->stats.nr_written_bytes += (uint64_t)written;
	pthread_cond_signal(&s->has_space);
}

static int open_output(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void reopen(struct sink *s)
{
	int fd = open_output(s->path);

	s->wants_reopen = false;
	s->has_failed = false;
	if (fd < 0) {
		log_errno(errno, "cannot reopen output, going on with the old file", s->path);
		return;
	}
	close(s->fd);
	s->fd = fd;
	/* A line that did not find room in the old file is whole in the new one. */
	s->stats.nr_written_bytes -= s->tail - s->line;
	s->tail = s->line;
	log_info("output reopened", F_STR("output", s->path));
}

/* What was queued before goes to the old file, unless that cannot be written. */
static bool must_reopen(const struct sink *s)
{
	return s->wants_reopen && (s->tail == s->reopen_at || s->has_failed);
}

static void sink_free(struct sink *s)
{
	close(s->fd);
	munmap(s->ring, s->size);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->has_data);
	pthread_cond_destroy(&s->has_space);
	free(s);
}

static void *write_thread(void *arg)
{
	struct sink *s = arg;
	bool is_abandoned;

	pthread_mutex_lock(&s->lock);
	while (!s->is_done && !s->stats.is_broken && (queued(s) || !s->is_closing)) {
		uint64_t until;

		if (queued(s) < SINK_WRITE_SIZE && !s->is_closing && !s->wants_reopen)
			wait_ms(s, &s->has_data, SINK_FLUSH_MS);
		until = s->wants_reopen ? s->reopen_at : s->head;
		while (s->tail != until && !s->stats.is_broken && !s->is_done && !must_reopen(s))
			write_piece(s, until);
		if (s->is_done)
			break;
		if (must_reopen(s))
			reopen(s);
		/* Empty: begin at the front again, so that a ring that never fills touches little of its memory. */
		if (queued(s) == 0)
			s->head = s->tail = s->line = 0;
	}
	s->is_done = true;
	pthread_cond_broadcast(&s->has_space);
	is_abandoned = s->is_abandoned;
	pthread_mutex_unlock(&s->lock);
	if (is_abandoned)
		sink_free(s);
	return NULL;
}

static int start_thread(struct sink *s)
{
	sigset_t all, before;
	pthread_condattr_t attr;
	int err;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->has_data, &attr);
	pthread_cond_init(&s->has_space, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, write_thread, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

struct sink *sink_open(const char *path, size_t queue_max, bool is_lossless)
{
	struct sink *s = calloc(1, sizeof(*s));
	bool is_stdout = !path || strcmp(path, "-") == 0;
	int err = ENOMEM;

	if (!s)
		return NULL;
	s->fd = -1;
	s->path = is_stdout ? "stdout" : path;
	s->is_lossless = is_lossless;
	s->size = queue_max;
	s->ring = mmap(NULL, queue_max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->ring == MAP_FAILED)
		goto fail;
	s->fd = is_stdout ? dup(STDOUT_FILENO) : open_output(path);
	if (s->fd < 0) {
		err = errno;
		goto fail;
	}
	err = start_thread(s);
	if (!err)
		return s;
fail:
	log_errno(err, "cannot open output", s->path);
	if (s->fd >= 0)
		close(s->fd);
	if (s->ring != MAP_FAILED)
		munmap(s->ring, s->size);
	free(s);
	errno = err;
	return NULL;
}

static bool has_room(const struct sink *s, enum status status, size_t len)
{
	size_t used = (size_t)(s->head - s->line), limit = s->size;

	if (!s->is_lossless && status == STATUS_SUCCEEDED)
		limit = s->size / 2;
	else if (!s->is_lossless && status == STATUS_SAMPLE_LOSS)
		limit = s->size / 4 * 3;
	return len <= limit && used <= limit - len;
}

static void copy_in(struct sink *s, struct slice line)
{
	size_t at = (size_t)(s->head % s->size), first = s->size - at;

	if (first > line.len)
		first = line.len;
	memcpy(s->ring + at, line.data, first);
	memcpy(s->ring, line.data + first, line.len - first);
	s->head += line.len;
}

bool sink_line(struct sink *s, enum status status, struct slice line)
{
	bool is_taken, was_below;

	pthread_mutex_lock(&s->lock);
	while (s->is_lossless && !s->is_done && line.len <= s->size && !has_room(s, status, line.len))
		pthread_cond_wait(&s->has_space, &s->lock);
	is_taken = !s->is_done && has_room(s, status, line.len);
	if (is_taken) {
		was_below = queued(s) < SINK_WRITE_SIZE;
		copy_in(s, line);
		s->stats.nr_lines++;
		s->stats.nr_bytes += line.len;
		if (was_below && queued(s) >= SINK_WRITE_SIZE)
			pthread_cond_signal(&s->has_data);
	} else {
		s->stats.nr_dropped[status]++;
	}
	pthread_mutex_unlock(&s->lock);
	return is_taken;
}

void sink_reopen(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	if (strcmp(s->path, "stdout") != 0) {
		s->wants_reopen = true;
		s->reopen_at = s->head;
	}
	pthread_cond_signal(&s->has_data);
	pthread_mutex_unlock(&s->lock);
}

void sink_stats(struct sink *s, struct sink_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	out->queued_bytes = queued(s);
	pthread_mutex_unlock(&s->lock);
}

/* Lines that will not be written: also the one that was cut in the middle. */
static void count_abandoned(struct sink *s)
{
	for (uint64_t at = s->tail; at != s->head; at++)
		s->stats.nr_abandoned += s->ring[at % s->size] == '\n';
}

int sink_close(struct sink *s, struct sink_stats *out)
{
	uint64_t until_ns = clock_monotonic_ns() + SINK_DRAIN_S * 1000000000ULL;
	pthread_t thread;
	bool is_stuck;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	s->is_closing = true;
	pthread_cond_signal(&s->has_data);
	while (!s->is_done && (s->is_lossless || clock_monotonic_ns() < until_ns))
		wait_ms(s, &s->has_space, SINK_FLUSH_MS);
	is_stuck = !s->is_done;
	s->is_done = true;
	count_abandoned(s);
	if (s->stats.is_broken && !s->has_failed)
		err = -EPIPE;
	else if (s->stats.nr_abandoned)
		err = -EIO;
	if (out)
		*out = s->stats;
	s->is_abandoned = is_stuck;
	thread = s->thread;
	pthread_mutex_unlock(&s->lock);
	if (is_stuck) {
		/* The thread hangs in write(): it frees the sink if it ever comes back. */
		pthread_detach(thread);
		return err;
	}
	pthread_join(thread, NULL);
	sink_free(s);
	return err;
}
