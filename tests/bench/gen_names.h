/* Included by gen.c: random numbers, and the names that are asked for. */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- random */
static uint64_t rs[2];
static uint64_t rnd(void)
{
	uint64_t a = rs[0], b = rs[1];

	rs[0] = b;
	a ^= a << 23;
	rs[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return rs[1] + b;
}
static uint32_t below(uint32_t n)
{
	return (uint32_t)((rnd() >> 32) * n >> 32);
}
static double unit(void)
{
	return ((double)(rnd() >> 11) + 0.5) / 9007199254740992.0;
}
static double normal(void)
{
	return sqrt(-2 * log(unit())) * cos(6.283185307179586 * unit());
}
/* log-normal with the given median (ns) */
static uint64_t lognorm(double median, double sigma)
{
	return (uint64_t)(median * exp(sigma * normal()));
}
/* skewed choice: low indices are popular */
static uint32_t skewed(uint32_t n)
{
	double u = unit();
	return (uint32_t)(u * u * u * n);
}

/* ---------------------------------------------------------------- names */
static const char *words[] = { "orders",   "billing", "auth",	 "search",  "cart",    "users",	  "stock",
			       "media",	   "events",  "ledger",	 "pricing", "gateway", "catalog", "mailer",
			       "audit",	   "session", "profile", "report",  "ingest",  "router",  "payments",
			       "shipping", "notify",  "metrics", "config",  "cache",   "worker",  "queue" };
static const char *kinds[] = { "", "-api", "-svc", "-grpc", "-db", "-redis", "-web", "-primary", "-headless" };
static const char *spaces[] = { "default",	 "kube-system",	 "shop",   "payments-prod",  "monitoring",
				"data-platform", "istio-system", "team-a", "team-b-staging", "ci",
				"logging",	 "edge" };
static const char *hosts[] = { "api",	"www",	   "cdn",	"s3.eu-west-1",	 "registry",
			       "login", "storage", "telemetry", "sqs.us-east-1", "static.assets",
			       "hooks", "v2.api",  "oauth2",	"pkg",		 "mirror" };
static const char *tlds[] = { "com", "net", "io", "org", "cloud", "dev" };
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct name {
	uint8_t w[256];
	uint8_t n;
	char text[200];
};
static void to_wire(struct name *d)
{
	size_t n = 0;
	const char *s = d->text;

	while (*s) {
		size_t l = strcspn(s, ".");

		d->w[n++] = (uint8_t)l;
		memcpy(d->w + n, s, l);
		n += l;
		s += l + (s[l] == '.');
	}
	d->w[n++] = 0;
	d->n = (uint8_t)n;
}
enum { NSVC = 1800, NEXT = 4000 };
static struct name svc[NSVC], ext[NEXT], cname[NEXT], cluster_soa_m, cluster_soa_r, cluster, ext_zone[NEXT], soa_m,
	soa_r;

static void make_names(void)
{
	for (int i = 0; i < NSVC; i++) {
		snprintf(svc[i].text, sizeof svc[i].text, "%s%s.%s.svc.cluster.local", words[below(COUNT(words))],
			 kinds[below(COUNT(kinds))], spaces[below(COUNT(spaces))]);
		to_wire(&svc[i]);
	}
	for (int i = 0; i < NEXT; i++) {
		const char *a = words[below(COUNT(words))], *b = words[below(COUNT(words))],
			   *t = tlds[below(COUNT(tlds))];

		snprintf(ext_zone[i].text, sizeof ext_zone[i].text, "%s%s%d.%s", a, b, i % 97, t);
		snprintf(ext[i].text, sizeof ext[i].text, "%s.%s", hosts[below(COUNT(hosts))], ext_zone[i].text);
		snprintf(cname[i].text, sizeof cname[i].text, "e%05x.b.edge%s.net", below(1 << 20), a);
		to_wire(&ext_zone[i]);
		to_wire(&ext[i]);
		to_wire(&cname[i]);
	}
	strcpy(cluster.text, "cluster.local");
	strcpy(cluster_soa_m.text, "ns.dns.cluster.local");
	strcpy(cluster_soa_r.text, "hostmaster.cluster.local");
	strcpy(soa_m.text, "ns1.edgedns.net");
	strcpy(soa_r.text, "hostmaster.edgedns.net");
	to_wire(&cluster);
	to_wire(&cluster_soa_m);
	to_wire(&cluster_soa_r);
	to_wire(&soa_m);
	to_wire(&soa_r);
}
