/*
 * explain_texts - the texts of explain.c, a table for each kind of topic. A table ends with an entry without a name.
 * Internal to explain. The texts are ASCII; `...` marks what stands in a record, a Corefile or a command.
 */
#pragma once

#include "explain.h"

extern const struct explanation explain_statuses[];
extern const struct explanation explain_bitmaps[]; /* 0 to 15, in order */
extern const struct explanation explain_causes[];
extern const struct explanation explain_fields[];
extern const struct explanation explain_kernel[]; /* causes and fields that only packets bring */

/* clang-format off */
#define CAUSES_ARE(...) (const char *const[]){ __VA_ARGS__, NULL }
#define STEPS_ARE(...) (const struct explain_step[]){ __VA_ARGS__, { NULL, NULL } }
#define RUN(text, command) { text, command }
#define LOOK(text) { text, NULL }
/* clang-format on */

/* Commands that come again and again. */
#define POD_LOG(pattern) "kubectl -n kube-system logs POD --since=1h |\n  grep -E '" pattern "'"
#define POD_METRICS(pattern)                                                                     \
	"kubectl get --raw \\\n  /api/v1/namespaces/kube-system/pods/POD:9153/proxy/metrics |\n" \
	"  grep -E '" pattern "'"
#define POD_RUN(command)                                                         \
	"kubectl -n kube-system debug -it POD --image=nicolaka/netshoot -- \\\n" \
	"  " command
#define COREFILE "kubectl -n kube-system get cm coredns -o jsonpath='{.data.Corefile}'"
