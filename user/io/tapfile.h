/*
 * tapfile - reads a recording of dnstap: a file or stdin, plain or packed by gzip or zstd, which is told by its first
 * bytes. Bytes come out unpacked; wire/frame finds the frames in them.
 */
#pragma once

#include "base/slice.h"

struct tapfile;

/* "-" is stdin. NULL with errno set. */
struct tapfile *tapfile_open(const char *path);
void tapfile_close(struct tapfile *f);

/* Up to `size` bytes; 0 at the end; -errno on failure: -EBADMSG for packed data that is damaged or cut off. */
long tapfile_read(struct tapfile *f, uint8_t *into, size_t size);

/* For a progress bar: bytes of the file consumed, and its size, 0 where it has none. */
uint64_t tapfile_position(const struct tapfile *f);
uint64_t tapfile_size(const struct tapfile *f);
