#include "log.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

enum { LOG_LINE_MAX = 8192 };

static enum log_level threshold = LOG_INFO;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_set_level(enum log_level level)
{
	threshold = level;
}

bool log_level_parse(const char *word, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
		if (strcmp(word, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static bool is_bare(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\\' || *s == '=')
			return false;
	return true;
}

static void add_value(struct buf *b, const char *s)
{
	if (is_bare(s)) {
		buf_add_str(b, s);
		return;
	}
	buf_add_byte(b, '"');
	for (; *s; s++) {
		uint8_t c = (uint8_t)*s;

		if (c == '"' || c == '\\')
			buf_add_byte(b, '\\');
		if (c < ' ' || c > '~')
			buf_addf(b, "\\x%02x", c);
		else
			buf_add_byte(b, c);
	}
	buf_add_byte(b, '"');
}

static void add_time(struct buf *b)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(b, "time=%s.%03ldZ", text, now.tv_nsec / 1000000);
}

void log_fields(enum log_level level, const char *msg, const struct log_field *fields, unsigned nr)
{
	struct buf b;

	if (level > threshold)
		return;
	buf_init(&b, LOG_LINE_MAX);
	add_time(&b);
	buf_addf(&b, " level=%s msg=\"%s\"", level_names[level], msg);
	for (unsigned i = 0; i < nr; i++) {
		buf_addf(&b, " %s=", fields[i].key);
		if (fields[i].kind == LOG_FIELD_UINT)
			buf_add_uint(&b, fields[i].uint);
		else
			add_value(&b, fields[i].str ? fields[i].str : "");
	}
	/* A line that is too long ends where it is; for its newline there is room. */
	b.failed = false;
	b.cap++;
	buf_add_byte(&b, '\n');
	/* One write, so that lines of several threads do not mix; a log that cannot be written is nobody's business. */
	ssize_t written = write(STDERR_FILENO, b.data, b.len);
	(void)written;
	buf_release(&b);
}

int log_errno(int errno_value, const char *msg, const char *subject)
{
	log_error(msg, F_STR("subject", subject), F_STR("error", strerror(errno_value)));
	return -errno_value;
}
