/* The stand-in for nvidia-smi: asks the NVML that LD_LIBRARY_PATH has for names and the driver's version,
 * whatever its options are. Its texts and exit codes are nvidia-smi's: NVML's codes, `man nvidia-smi`. */
#include <dlfcn.h>
#include <stdio.h>

#define FUNCTION(name, ...) int (*name)(__VA_ARGS__) = (int (*)(__VA_ARGS__))dlsym(nvml, #name)
enum { NOT_FOUND = 6, NOT_LOADED = 9, NO_LIBRARY = 12, LOST = 15, RESET = 16 };

static int not_started(int code) {
  static const struct { int code; const char *text; } known[] = {
      {4, "Insufficient Permissions"}, {13, "Function Not Found"}, {17, "GPU access blocked by the operating system"},
      {18, "Driver/library version mismatch\nNVML library version: 580.65"}};
  const char *text = "Unknown Error";
  for (unsigned i = 0; i < sizeof known / sizeof *known; i++) if (known[i].code == code) text = known[i].text;
  if (code == NOT_LOADED)
    puts("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is "
         "installed and running.\n");
  else
    printf("Failed to initialize NVML: %s\n", text);
  return code;
}

int main(void) {
  void *nvml = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  if (!nvml) {
    puts("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the NVIDIA Display Driver is properly "
         "installed and present in your system.");
    return NO_LIBRARY;
  }
  FUNCTION(nvmlInit_v2, void);
  FUNCTION(nvmlSystemGetDriverVersion, char *, unsigned);
  FUNCTION(nvmlDeviceGetCount_v2, unsigned *);
  FUNCTION(nvmlDeviceGetHandleByIndex_v2, unsigned, void **);
  FUNCTION(nvmlDeviceGetName, void *, char *, unsigned);
  char version[80], name[96];
  unsigned count = 0;
  int code = nvmlInit_v2(), ended = 0;
  if (code) return not_started(code);
  code = nvmlSystemGetDriverVersion(version, sizeof version);
  if (!code) code = nvmlDeviceGetCount_v2(&count);
  if (code) return not_started(code);
  if (!count) return puts("No devices were found"), NOT_FOUND;
  for (unsigned index = 0; index < count; index++) {
    void *handle = NULL;
    code = nvmlDeviceGetHandleByIndex_v2(index, &handle);
    if (!code) code = nvmlDeviceGetName(handle, name, sizeof name);
    if (code == RESET)
      printf("[GPU requires reset], [GPU requires reset]\n");
    else if (code)
      printf("Unable to determine the device handle for GPU%u: 0000:%02X:00.0: %s\n", index, 0x10 + index,
             code == LOST ? "GPU is lost.  Reboot the system to recover this GPU" : "Unknown Error");
    else
      printf("%s, %s\n", name, version);
    if (code && code != RESET) ended = code & 255;
  }
  return ended;
}
