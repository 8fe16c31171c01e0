/* The GPUs that CUDA shows: those of the table, as CUDA_VISIBLE_DEVICES hides and orders them. */
#ifndef DEVICES_H
#define DEVICES_H
#include "table.h"

static int visible[64], visible_count = -1;

static inline int gpu_named(const char *name, int gpus) {
  char *end;
  long index = strtol(name, &end, 10);
  if (end != name) return index >= 0 && index < gpus ? (int)index : -1;
  for (int i = 0; i < gpus; i++) if (*name == 'G' && !strncmp(gpu_uuid(i), name, strlen(name))) return i;
  return -1;
}

/* A name that does not exist hides itself and all after it; one given twice hides every GPU. */
static inline void find_devices(void) {
  if (visible_count >= 0) return;
  int gpus = (int)number("cuda", "gpus", 1);
  const char *chosen = getenv("CUDA_VISIBLE_DEVICES");
  char text[512], *rest = text, *name;
  visible_count = 0;
  if (!chosen) for (int i = 0; i < gpus; i++) visible[visible_count++] = i;
  if (!chosen) return;
  snprintf(text, sizeof text, "%s", chosen);
  while ((name = strsep(&rest, ",")) && gpu_named(name, gpus) >= 0) {
    int index = gpu_named(name, gpus);
    for (int i = 0; i < visible_count; i++) if (visible[i] == index) { visible_count = 0; return; }
    visible[visible_count++] = index;
  }
}

static inline const char *device_section(int device) { return gpu_section(visible[device]); }
static inline size_t memory_bytes(int device) { return (size_t)number(device_section(device), "memory_mib", 81559) << 20; }
static inline size_t used_bytes(int device) { return (size_t)number(device_section(device), "used_mib", 600) << 20; }

static inline void uuid_of(int device, char bytes[16]) {
  int digits = 0;
  memset(bytes, 0, 16);
  for (const char *at = gpu_uuid(visible[device]) + strlen("GPU-"); *at && digits < 32; at++) {
    if (!isxdigit((unsigned char)*at)) continue;
    int digit = isdigit((unsigned char)*at) ? *at - '0' : tolower(*at) - 'a' + 10;
    bytes[digits / 2] |= (char)(digits % 2 ? digit : digit << 4);
    digits++;
  }
}

/* What CUdevice_attribute and cudaDeviceAttr number alike. */
static inline int attribute_of(int device, int attribute) {
  const char *section = device_section(device);
  int major = 9, minor = 0;
  sscanf(said(section, "capability", "9.0"), "%d.%d", &major, &minor);
  switch (attribute) {
    case 1: case 2: case 3: return 1024; /* threads in a block, and in its x and y */
    case 4: return 64;
    case 5: case 11: return 2147483647;
    case 6: case 7: return 65535;
    case 8: return 49152; /* shared memory of a block */
    case 9: case 12: case 82: return 65536;
    case 10: return 32;
    case 13: return (int)number(section, "max_clock_mhz", 1980) * 1000;
    case 14: return 512;
    case 16: return (int)number(section, "sm_count", 132);
    case 20: return (int)number(section, "compute_mode", 0);
    case 32: return number(section, "ecc", 1) > 0;
    case 33: return 0x10 + visible[device]; /* the PCI bus */
    case 36: return 2619000;
    case 37: return 5120;
    case 38: return (int)number(section, "l2_mib", 50) << 20;
    case 39: return 2048; /* threads of a multiprocessor */
    case 40: return 3;
    case 75: return major;
    case 76: return minor;
    case 81: return 233472;
    case 97: return 232448;
    case 106: return 32;
    case 15: case 19: case 31: case 41: case 78: case 79: case 80: case 83: case 90: case 95: case 99: case 115: return 1;
    default: return 0;
  }
}
#endif
