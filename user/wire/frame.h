/*
 * frame - Frame Streams, the framing under dnstap: a push parser (bytes in, frames out) with the reader's side of the
 * handshake. It does no I/O: the caller reads bytes, hands them in, and sends the reply it is asked for.
 *
 *   bidirectional   READY -> (reply ACCEPT) -> START -> data ... -> STOP -> (reply FINISH)      CoreDNS, always
 *   unidirectional  START -> data ... -> STOP                                                   files, plain streams
 *
 * A frame is a 32-bit big-endian length and that many bytes; the length 0 announces a control frame. Content type:
 * "protobuf:dnstap.Dnstap", compared by length, then bytes; a control frame without content type is taken as any.
 */
#pragma once

#include "base/buf.h"

#define FRAME_CONTENT_TYPE "protobuf:dnstap.Dnstap"

enum {
	FRAME_CONTROL_MAX = 512, /* FSTRM_CONTROL_FRAME_LENGTH_MAX */
	FRAME_HEADER_SIZE = 4,
	FRAME_DATA_MAX_DEFAULT = 131072, /* a 64 KiB DNS message, re-packed without compression, and its envelope */
};

enum frame_result {
	FRAME_NEED_MORE,   /* no whole frame is left in the input */
	FRAME_DATA,	   /* *data is one dnstap frame */
	FRAME_SEND_ACCEPT, /* READY came: send frame_write_accept() */
	FRAME_STARTED,	   /* START came: data follows */
	FRAME_STOPPED,	   /* STOP came: send frame_write_finish() if `bidirectional`, then no more data follows */
	FRAME_BAD, /* not Frame Streams, or not ours: `error` says why; nothing more can be read from this stream */
};

enum frame_state { FRAME_STATE_NEW, FRAME_STATE_READY, FRAME_STATE_DATA, FRAME_STATE_STOPPED };

enum frame_error {
	FRAME_OK,
	FRAME_TOO_LARGE,   /* a data frame above the limit */
	FRAME_BAD_CONTROL, /* a control frame that libfstrm cannot decode, or of a wrong length */
	FRAME_BAD_CONTENT_TYPE,
	FRAME_OUT_OF_ORDER, /* data before START, a second READY, ... */
};

const char *frame_error_text(enum frame_error error);

struct frame_parser {
	uint32_t data_max;
	enum frame_state state;
	bool bidirectional;
	enum frame_error error;
	uint32_t bad_length; /* with FRAME_TOO_LARGE and FRAME_BAD_CONTROL: the length that was announced */
};

void frame_parser_init(struct frame_parser *p, uint32_t data_max);

/*
 * Takes one frame off the front of *input. On FRAME_NEED_MORE what is left of *input is the beginning of a frame: keep
 * it and hand it in again with more behind it (at most FRAME_HEADER_SIZE + data_max bytes, or an
 * unfinished control frame). *data borrows from the
 * input. After STOP a new START is accepted, as in files that were written one behind the other.
 */
enum frame_result frame_next(struct frame_parser *p, struct slice *input, struct slice *data);

/* The replies of the reader; and the writer's side, for files and tests. They append to out. */
void frame_write_accept(struct buf *out);
void frame_write_finish(struct buf *out);
void frame_write_ready(struct buf *out);
void frame_write_start(struct buf *out);
void frame_write_stop(struct buf *out);
void frame_write_data(struct slice data, struct buf *out);
