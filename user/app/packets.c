#include "packets.h"

#include <errno.h>

#include "base/log.h"

static void read_next(struct packets *p)
{
	int err = capture_next(p->capture, &p->next);

	p->has_next = err == 1;
	if (err < 0) {
		p->has_failed = true;
		log_error("bad capture", F_STR("file", p->path), F_STR("error", capture_error(p->capture)));
	}
}

int packets_open(struct packets *p, const char *path, struct engine *engine)
{
	struct vantage_config config = { .is_capture = true };
	const char *why = "no memory";

	*p = (struct packets){ .engine = engine, .path = path };
	p->capture = capture_open(path, &why);
	if (p->capture)
		p->vantage = engine_vantage_new(engine, &config);
	if (!p->vantage) {
		log_error("cannot open", F_STR("file", path), F_STR("error", why));
		packets_close(p);
		return -ENOENT;
	}
	read_next(p);
	return 0;
}

void packets_until(struct packets *p, uint64_t until_ns)
{
	while (p->has_next && p->next.time_ns <= until_ns) {
		engine_packet(p->engine, p->vantage, &p->next);
		read_next(p);
	}
}

int packets_finish(struct packets *p)
{
	packets_until(p, UINT64_MAX);
	engine_vantage_end(p->engine, p->vantage, 0);
	return p->has_failed ? -EIO : 0;
}

void packets_close(struct packets *p)
{
	if (p->capture)
		capture_close(p->capture);
	p->capture = NULL;
}
