/* What a stand-in claims to be: the INI file that LAB_TABLE names, read once.
 *
 * said("gpu.1", "name", "x") looks in [gpu.1], then in [gpu]; what is nowhere is "x".
 * [cuda], [nvml] and each [gpu.N] may have  fail = FUNCTION[@N]=HOW, ...  from the N-th call on,
 * where HOW is an error's number, `hang` or `abort`. */
#ifndef TABLE_H
#define TABLE_H
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

struct entry { char section[32], key[64], value[512]; };
static struct entry entries[512];
static int entry_count = -1;

static inline char *trimmed(char *text) {
  while (isspace((unsigned char)*text)) text++;
  char *end = text + strlen(text);
  while (end > text && isspace((unsigned char)end[-1])) *--end = 0;
  return text;
}

static inline void read_table(void) {
  const char *path = getenv("LAB_TABLE");
  if (!path) path = "/etc/lab-table"; /* in a container, see tests/engine */
  FILE *file = fopen(path, "r");
  char line[700], section[32] = "";
  entry_count = 0;
  while (file && fgets(line, sizeof line, file)) {
    char *text = trimmed(line), *equals = strchr(text, '=');
    if (*text == '[') {
      text[strcspn(text, "]")] = 0;
      snprintf(section, sizeof section, "%.31s", text + 1);
    } else if (equals && entry_count < (int)(sizeof entries / sizeof *entries)) {
      struct entry *entry = &entries[entry_count++];
      *equals = 0;
      snprintf(entry->section, sizeof entry->section, "%.31s", section);
      snprintf(entry->key, sizeof entry->key, "%.63s", trimmed(text));
      snprintf(entry->value, sizeof entry->value, "%.511s", trimmed(equals + 1));
    }
  }
  if (file) fclose(file);
}

static inline const char *said(const char *section, const char *key, const char *otherwise) {
  if (entry_count < 0) read_table();
  for (int i = 0; i < entry_count; i++)
    if (!strcmp(entries[i].section, section) && !strcmp(entries[i].key, key)) return entries[i].value;
  return strncmp(section, "gpu.", 4) ? otherwise : said("gpu", key, otherwise);
}

static inline long long number(const char *section, const char *key, long long otherwise) {
  const char *value = said(section, key, NULL);
  return value ? strtoll(value, NULL, 0) : otherwise;
}

static inline const char *gpu_section(int index) {
  static __thread char name[16];
  snprintf(name, sizeof name, "gpu.%d", index);
  return name;
}

static inline const char *gpu_uuid(int index) {
  static __thread char made[64];
  snprintf(made, sizeof made, "GPU-0000000%d-1111-2222-3333-444444444444", index % 10);
  return said(gpu_section(index), "uuid", made);
}

/* Return which call of this function it is, by its section. */
static inline long count_call(const char *section, const char *function) {
  static struct { char what[96]; long calls; } counted[512];
  char what[96];
  snprintf(what, sizeof what, "%s %s", section, function);
  for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
    if (!*counted[i].what) strcpy(counted[i].what, what);
    if (!strcmp(counted[i].what, what)) return ++counted[i].calls;
  }
  return 0;
}

static inline int failing(const char *how) {
  const char *frozen = getenv("LAB_FROZEN_FILE"); /* on a frozen file system, state D */
  FILE *file = frozen && !strncmp(how, "hang", 4) ? fopen(frozen, "w") : NULL;
  if (file) fclose(file);
  if (!strncmp(how, "hang", 4)) for (;;) pause();
  if (!strncmp(how, "abort", 5)) abort();
  return (int)strtol(how, NULL, 10);
}

/* Return the error that the table has for this call, 0 for none; or hang, or abort. */
static inline int failure(const char *section, const char *function) {
  const char *at = said(section, "fail", "");
  if (!*at) return 0;
  long call = count_call(section, function);
  for (; *at; at += strcspn(at, ",")) {
    at += strspn(at, ", ");
    size_t length = strcspn(at, "@=");
    int same = length == strlen(function) && !strncmp(at, function, length);
    long from = 1;
    at += length;
    if (*at == '@') from = strtol(at + 1, (char **)&at, 10);
    if (same && call >= from) return failing(at + 1);
  }
  return 0;
}
#endif
