#include "tapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PACKED_CHUNK = 128 * 1024 };

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct tapfile {
	int fd;
	enum packing packing;
	uint64_t position, size;
	uint8_t chunk[PACKED_CHUNK]; /* as it stands in the file */
	size_t chunk_len, chunk_at;
	bool is_at_end;	 /* of the file */
	bool is_between; /* packed: at the end of a member or frame, where the file may end */
	z_stream gzip;
	ZSTD_DStream *zstd;
};

/* Reads behind what the chunk holds. */
static int fill_more(struct tapfile *f)
{
	ssize_t n;

	do
		n = read(f->fd, f->chunk + f->chunk_len, sizeof(f->chunk) - f->chunk_len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	f->is_at_end = n == 0;
	f->chunk_len += (size_t)n;
	f->position += (uint64_t)n;
	return 0;
}

static int fill(struct tapfile *f)
{
	if (f->chunk_at < f->chunk_len || f->is_at_end)
		return 0;
	f->chunk_len = f->chunk_at = 0;
	return fill_more(f);
}

/* The magic numbers: RFC 1952, section 2.3.1; RFC 8878, section 3.1.1. */
static int find_packing(struct tapfile *f)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	int err;

	/* A pipe may bring its first bytes one by one. */
	do
		err = fill_more(f);
	while (!err && !f->is_at_end && f->chunk_len < sizeof(zstd));
	if (err)
		return err;
	f->is_between = true;
	if (f->chunk_len >= sizeof(gzip) && memcmp(f->chunk, gzip, sizeof(gzip)) == 0) {
		f->packing = PACKING_GZIP;
		/* 15 bits of window, and 16 for "gzip, not zlib". */
		return inflateInit2(&f->gzip, 15 + 16) == Z_OK ? 0 : -ENOMEM;
	}
	if (f->chunk_len >= sizeof(zstd) && memcmp(f->chunk, zstd, sizeof(zstd)) == 0) {
		f->packing = PACKING_ZSTD;
		f->zstd = ZSTD_createDStream();
		return f->zstd ? 0 : -ENOMEM;
	}
	return 0;
}

struct tapfile *tapfile_open(const char *path)
{
	struct tapfile *f = calloc(1, sizeof(*f));
	struct stat st;
	int err;

	if (!f)
		return NULL;
	f->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	err = f->fd < 0 ? -errno : find_packing(f);
	if (err) {
		tapfile_close(f);
		errno = -err;
		return NULL;
	}
	if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode))
		f->size = (uint64_t)st.st_size;
	return f;
}

void tapfile_close(struct tapfile *f)
{
	if (!f)
		return;
	if (f->packing == PACKING_GZIP)
		inflateEnd(&f->gzip);
	ZSTD_freeDStream(f->zstd);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

static int unpack_gzip(struct tapfile *f, uint8_t *into, size_t size, size_t *made)
{
	int result;

	/* Members may stand one behind the other (RFC 1952, section 2.2). */
	if (f->is_between)
		inflateReset(&f->gzip);
	f->gzip.next_in = f->chunk + f->chunk_at;
	f->gzip.avail_in = (unsigned)(f->chunk_len - f->chunk_at);
	f->gzip.next_out = into;
	f->gzip.avail_out = (unsigned)size;
	result = inflate(&f->gzip, Z_NO_FLUSH);
	f->chunk_at = f->chunk_len - f->gzip.avail_in;
	*made = size - f->gzip.avail_out;
	f->is_between = result == Z_STREAM_END;
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static int unpack_zstd(struct tapfile *f, uint8_t *into, size_t size, size_t *made)
{
	ZSTD_inBuffer in = { f->chunk, f->chunk_len, f->chunk_at };
	ZSTD_outBuffer out = { into, size, 0 };
	size_t left = ZSTD_decompressStream(f->zstd, &out, &in);

	f->chunk_at = in.pos;
	*made = out.pos;
	f->is_between = left == 0;
	return ZSTD_isError(left) ? -EBADMSG : 0;
}

static size_t take_plain(struct tapfile *f, uint8_t *into, size_t size)
{
	size_t n = f->chunk_len - f->chunk_at;

	if (n > size)
		n = size;
	memcpy(into, f->chunk + f->chunk_at, n);
	f->chunk_at += n;
	return n;
}

static bool is_exhausted(const struct tapfile *f)
{
	return f->is_at_end && f->chunk_at == f->chunk_len;
}

static int unpack(struct tapfile *f, uint8_t *into, size_t size, size_t *made)
{
	int err = 0;

	switch (f->packing) {
	case PACKING_NONE:
		*made = take_plain(f, into, size);
		break;
	case PACKING_GZIP:
		err = unpack_gzip(f, into, size, made);
		break;
	case PACKING_ZSTD:
		err = unpack_zstd(f, into, size, made);
		break;
	}
	/* The file may end between members only; before it has, what is packed may still come out without new input. */
	if (!err && *made == 0 && is_exhausted(f) && !f->is_between)
		err = -EBADMSG;
	return err;
}

long tapfile_read(struct tapfile *f, uint8_t *into, size_t size)
{
	size_t made = 0;
	int err = 0;

	while (!err && made == 0) {
		err = fill(f);
		if (!err && is_exhausted(f) && f->is_between)
			return 0;
		if (!err)
			err = unpack(f, into, size, &made);
	}
	return err ? err : (long)made;
}

uint64_t tapfile_position(const struct tapfile *f)
{
	return f->position - (f->chunk_len - f->chunk_at);
}

uint64_t tapfile_size(const struct tapfile *f)
{
	return f->size;
}
