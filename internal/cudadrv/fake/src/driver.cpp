// The driver's symbols, as far as they are used, with the processor for a device. What a device would do later happens at once, or, where a test wants
// it, as late as the rules of streams allow. Beside them are functions for tests, which begin with fake_: what the device is, which call fails, what was
// left behind.
#include "fake.h"
#include "schedule.h"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <sys/mman.h>
#include <vector>

#define API extern "C" __attribute__((visibility("default"))) int
#define TEST extern "C" __attribute__((visibility("default")))

namespace {

enum Code {
	ok = 0, invalid_value = 1, out_of_memory = 2, not_initialised = 3, no_device = 100, invalid_device = 101, invalid_image = 200,
	invalid_context = 201, invalid_ptx = 218, unsupported_ptx = 222, not_found = 500, illegal_address = 700, launch_failed = 719,
};

const std::map<int, std::pair<const char *, const char *>> words = {
	{ok, {"CUDA_SUCCESS", "no error"}},
	{invalid_value, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
	{out_of_memory, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
	{not_initialised, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
	{no_device, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
	{invalid_device, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
	{invalid_image, {"CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"}},
	{invalid_context, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
	{invalid_ptx, {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"}},
	{unsupported_ptx, {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."}},
	{not_found, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
	{illegal_address, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
	{launch_failed, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
};

struct Module {
	std::string ptx;
};

struct Graph {
	std::vector<std::function<int()>> work;
};

// Line is work that is done in order: that of the streams that wait for one another, or of a stream apart.
struct Line {
	std::deque<std::function<int()>> waiting;
	std::uint64_t done = 0;
};

// Event is a place in a line: it is there when so much of it is done.
struct Event {
	Line *line = nullptr;
	std::uint64_t place = 0;
	std::chrono::steady_clock::time_point time;
};

// An allocation ends at a page that nobody may read or write, but for the bytes that its alignment leaves: those must stay as they are.
struct Block {
	std::uint64_t size, base, mapped;
	std::uint64_t rest() const { return (16 - size % 16) % 16; }
};
constexpr std::uint64_t page = 64 << 10; // at least the system's

struct Device {
	int count = 1, major = 8, minor = 0, version = 12040;
	std::uint64_t memory = 1ull << 30;
};

Device device;
bool initialised;
thread_local void *current;
int retained; // contexts
std::map<std::uint64_t, Block> memory; // by address
std::uint64_t used;
std::set<Module *> modules;
std::set<Graph *> graphs;
std::map<std::uint64_t, std::uint64_t> hosts; // page-locked memory and its size
std::set<Event *> events;
std::map<Line *, bool> streams; // each has a line; whether it is apart
Line common;                    // the line of all streams that are not
int late;                       // what waits until something asks for it: 1 streams apart, 2 all others, 0 nothing
bool capturing;
std::vector<std::function<int()>> captured;
std::string fault; // of the last kernel that failed

std::string failing; // the call that is to fail; "*": any
int fail_after, fail_with;
int allocation_after; // the allocation that is to fail: 1 is the next, 0 none
int calls;

// enter counts a call, and says what it must fail with.
int enter(const char *name) {
	calls++;
	if (fail_after > 0 && (failing == "*" || failing == name) && --fail_after == 0) return fail_with;
	return ok;
}

#define ENTER(name) \
	if (int code = enter(name)) return code
#define ENTER_CONTEXT(name) \
	ENTER(name);            \
	if (!current) return invalid_context

// owned says whether an allocation holds n bytes from p on.
bool owned(std::uint64_t p, std::uint64_t n) {
	auto at = memory.upper_bound(p);
	if (at == memory.begin()) return false;
	--at;
	return n <= at->second.size && p - at->first <= at->second.size - n;
}

bool whole(std::uint64_t p, const Block &b) {
	for (std::uint64_t i = 0; i < b.rest(); i++)
		if (((unsigned char *)p)[b.size + i] != 0xa5) return false;
	return true;
}

// take makes an allocation, full of rubbish, and returns its address; 0: there is no memory.
std::uint64_t take(std::uint64_t size) {
	Block b{size, 0, 0};
	b.mapped = (size + b.rest() + page - 1) / page * page + page;
	void *base = mmap(0, b.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) return 0;
	b.base = (std::uint64_t)base;
	std::uint64_t end = b.base + b.mapped - page, p = end - size - b.rest();
	mprotect((void *)end, page, PROT_NONE);
	std::memset((void *)p, 0xcd, size);
	std::memset((char *)p + size, 0xa5, b.rest());
	memory[p] = b;
	used += size;
	return p;
}

// parameters counts those of an entry in PTX; -1: there is none of that name.
int parameters(const std::string &ptx, const std::string &name) {
	auto at = ptx.find(".entry " + name + "(");
	if (at == std::string::npos) return -1;
	auto end = ptx.find(')', at);
	int n = 0;
	for (auto p = ptx.find(".param", at); p < end; p = ptx.find(".param", p + 1)) n++;
	return n;
}

// line_of is the line that a stream's work goes into.
Line *line_of(Line *stream) {
	auto at = streams.find(stream);
	return at != streams.end() && at->second ? stream : &common;
}

// finish does what a line has waiting, up to a place.
int finish(Line *l, std::uint64_t place) {
	int code = ok;
	while (l->done < place && !l->waiting.empty()) {
		auto work = l->waiting.front();
		l->waiting.pop_front();
		l->done++;
		if (int c = work(); c && !code) code = c;
	}
	return code;
}

int finish(Line *l) { return finish(l, ~0ull); }

// finish_all does all that waits, wherever.
int finish_all() {
	int code = finish(&common);
	for (auto &[l, apart] : streams)
		if (int c = finish(l); c && !code) code = c;
	return code;
}

// perform does a piece of a stream's work, or has it wait, or keeps it for a graph.
int perform(Line *stream, std::function<int()> work) {
	if (capturing) {
		captured.push_back(work);
		return ok;
	}
	Line *l = line_of(stream);
	l->waiting.push_back(work);
	return late == (l == &common ? 2 : 1) ? ok : finish(l);
}

// locked says whether page-locked memory holds n bytes from p on.
bool locked(std::uint64_t p, std::uint64_t n) {
	auto at = hosts.upper_bound(p);
	if (at == hosts.begin()) return false;
	--at;
	return n <= at->second && p - at->first <= at->second - n;
}

} // namespace

API cuInit(unsigned) {
	ENTER("cuInit");
	if (device.count == 0) return no_device;
	initialised = true;
	return ok;
}

API cuDriverGetVersion(int *version) {
	ENTER("cuDriverGetVersion");
	*version = device.version;
	return ok;
}

API cuDeviceGetCount(int *count) {
	ENTER("cuDeviceGetCount");
	if (!initialised) return not_initialised;
	*count = device.count;
	return ok;
}

API cuDeviceGet(int *handle, int ordinal) {
	ENTER("cuDeviceGet");
	if (ordinal < 0 || ordinal >= device.count) return invalid_device;
	*handle = 40 + ordinal;
	return ok;
}

API cuDeviceGetName(char *name, int size, int) {
	ENTER("cuDeviceGetName");
	std::strncpy(name, "Fake Device", size);
	return ok;
}

API cuDeviceTotalMem_v2(std::size_t *bytes, int) {
	ENTER("cuDeviceTotalMem");
	*bytes = device.memory;
	return ok;
}

API cuDeviceGetAttribute(int *value, int attribute, int) {
	ENTER("cuDeviceGetAttribute");
	*value = attribute == 75 ? device.major : attribute == 76 ? device.minor : attribute == 16 ? 1 : 0;
	return ok;
}

API cuDevicePrimaryCtxRetain(void **context, int handle) {
	ENTER("cuDevicePrimaryCtxRetain");
	if (handle < 40) return invalid_device;
	retained++;
	*context = &device;
	return ok;
}

API cuDevicePrimaryCtxRelease_v2(int) {
	int code = enter("cuDevicePrimaryCtxRelease");
	if (retained == 0) return invalid_context;
	retained--;
	return code;
}

API cuCtxSetCurrent(void *context) {
	ENTER("cuCtxSetCurrent");
	current = context;
	return ok;
}

API cuCtxGetCurrent(void **context) {
	ENTER("cuCtxGetCurrent");
	*context = current;
	return ok;
}

API cuCtxSynchronize() {
	ENTER_CONTEXT("cuCtxSynchronize");
	return finish_all();
}

API cuModuleLoadDataEx(Module **module, const char *image, unsigned options, int *option, void **value) {
	ENTER_CONTEXT("cuModuleLoadDataEx");
	std::string ptx = image, complaint;
	auto at = ptx.find("\n.version ");
	if (at == std::string::npos || ptx.find("\n.target sm_80") == std::string::npos) complaint = "fake ptxas: no .version, or no .target sm_80";
	if (!complaint.empty()) {
		for (unsigned i = 0; i + 1 < options; i++)
			if (option[i] == 5) std::strncpy((char *)value[i], complaint.c_str(), (std::size_t)value[i + 1]);
		return invalid_ptx;
	}
	int major = std::atoi(ptx.c_str() + at + 10);
	if (major > device.version / 1000 - 4) return unsupported_ptx; // CUDA 11 knows PTX 7, 12 knows 8, 13 knows 9
	*module = new Module{ptx};
	modules.insert(*module);
	return ok;
}

API cuModuleUnload(Module *module) {
	int code = enter("cuModuleUnload");
	if (!modules.erase(module)) return code ? code : invalid_value;
	delete module;
	return code;
}

API cuModuleGetFunction(const fake::Entry **f, Module *module, const char *name) {
	ENTER_CONTEXT("cuModuleGetFunction");
	if (!modules.count(module)) return invalid_value;
	for (auto e = fake::Entry::first; e; e = e->next)
		if (std::strcmp(e->name, name) == 0 && parameters(module->ptx, name) == e->args) {
			*f = e;
			return ok;
		}
	return not_found;
}

API cuFuncSetAttribute(const fake::Entry *, int, int) {
	ENTER_CONTEXT("cuFuncSetAttribute");
	return ok;
}

API cuFuncGetAttribute(int *value, int, const fake::Entry *f) {
	ENTER_CONTEXT("cuFuncGetAttribute");
	*value = f->threads;
	return ok;
}

API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const fake::Entry *, int, std::size_t) {
	ENTER_CONTEXT("cuOccupancyMaxActiveBlocksPerMultiprocessor");
	*blocks = 1;
	return ok;
}

API cuMemAlloc_v2(std::uint64_t *p, std::size_t size) {
	ENTER_CONTEXT("cuMemAlloc");
	if (allocation_after > 0 && --allocation_after == 0) return out_of_memory;
	if (size == 0) return invalid_value;
	if (size > device.memory - used) return out_of_memory;
	*p = take(size);
	return *p ? ok : out_of_memory;
}

API cuMemFree_v2(std::uint64_t p) {
	int code = enter("cuMemFree");
	if (int c = finish_all(); c && !code) code = c;
	auto at = memory.find(p);
	if (at == memory.end()) return code ? code : invalid_value;
	if (!whole(p, at->second)) code = illegal_address;
	used -= at->second.size;
	munmap((void *)at->second.base, at->second.mapped);
	memory.erase(at);
	return code;
}

API cuMemGetInfo_v2(std::size_t *free, std::size_t *total) {
	ENTER_CONTEXT("cuMemGetInfo");
	*free = device.memory - used;
	*total = device.memory;
	return ok;
}

API cuMemHostAlloc(void **p, std::size_t size, unsigned) {
	ENTER_CONTEXT("cuMemHostAlloc");
	if (allocation_after > 0 && --allocation_after == 0) return out_of_memory;
	*p = std::malloc(size);
	std::memset(*p, 0xcd, size);
	hosts[(std::uint64_t)*p] = size;
	return ok;
}

// A release that is told to fail does its work all the same, like a driver that reports a kernel's failure then.
API cuMemFreeHost(void *p) {
	int code = enter("cuMemFreeHost");
	if (int c = finish_all(); c && !code) code = c;
	if (!hosts.erase((std::uint64_t)p)) return code ? code : invalid_value;
	std::free(p);
	return code;
}

API cuMemHostRegister_v2(void *, std::size_t, unsigned) {
	ENTER_CONTEXT("cuMemHostRegister");
	return ok;
}

API cuMemHostUnregister(void *) {
	ENTER_CONTEXT("cuMemHostUnregister");
	return ok;
}

API cuMemcpyHtoD_v2(std::uint64_t to, const void *from, std::size_t size) {
	ENTER_CONTEXT("cuMemcpyHtoD");
	if (!owned(to, size)) return invalid_value;
	if (int code = finish(&common)) return code;
	std::memcpy((void *)to, from, size);
	return ok;
}

API cuMemcpyDtoH_v2(void *to, std::uint64_t from, std::size_t size) {
	ENTER_CONTEXT("cuMemcpyDtoH");
	if (!owned(from, size)) return invalid_value;
	if (int code = finish(&common)) return code;
	std::memcpy(to, (void *)from, size);
	return ok;
}

API cuMemcpyHtoDAsync_v2(std::uint64_t to, const void *from, std::size_t size, Line *stream) {
	ENTER_CONTEXT("cuMemcpyHtoDAsync");
	if (!owned(to, size) || !locked((std::uint64_t)from, size)) return invalid_value;
	return perform(stream, [=] { return std::memcpy((void *)to, from, size), ok; });
}

API cuMemcpyDtoHAsync_v2(void *to, std::uint64_t from, std::size_t size, Line *stream) {
	ENTER_CONTEXT("cuMemcpyDtoHAsync");
	if (!owned(from, size) || !locked((std::uint64_t)to, size)) return invalid_value;
	return perform(stream, [=] { return std::memcpy(to, (void *)from, size), ok; });
}

API cuMemcpyDtoDAsync_v2(std::uint64_t to, std::uint64_t from, std::size_t size, Line *stream) {
	ENTER_CONTEXT("cuMemcpyDtoDAsync");
	if (!owned(to, size) || !owned(from, size)) return invalid_value;
	return perform(stream, [=] { return std::memmove((void *)to, (void *)from, size), ok; });
}

API cuMemsetD32Async(std::uint64_t to, unsigned value, std::size_t n, Line *stream) {
	ENTER_CONTEXT("cuMemsetD32Async");
	if (!owned(to, 4 * n)) return invalid_value;
	return perform(stream, [=] {
		for (std::size_t i = 0; i < n; i++) ((unsigned *)to)[i] = value;
		return ok;
	});
}

API cuStreamCreate(Line **stream, unsigned flags) {
	ENTER_CONTEXT("cuStreamCreate");
	*stream = new Line;
	streams[*stream] = flags == 1;
	return ok;
}

API cuStreamDestroy_v2(Line *stream) {
	int code = enter("cuStreamDestroy");
	if (!streams.count(stream)) return code ? code : invalid_value;
	if (int c = finish(line_of(stream)); c && !code) code = c;
	streams.erase(stream);
	delete stream;
	return code;
}

API cuStreamSynchronize(Line *stream) {
	ENTER_CONTEXT("cuStreamSynchronize");
	return finish(line_of(stream));
}

API cuStreamWaitEvent(Line *stream, Event *event, unsigned) {
	ENTER_CONTEXT("cuStreamWaitEvent");
	if (!events.count(event)) return invalid_value;
	Event e = *event; // as it is marked now
	if (!e.line) return ok;
	return perform(stream, [=] { return finish(e.line, e.place); });
}

API cuLaunchKernel(const fake::Entry *f, unsigned bx, unsigned by, unsigned bz, unsigned tx, unsigned ty, unsigned tz, unsigned, Line *stream, void **args, void **) {
	ENTER_CONTEXT("cuLaunchKernel");
	if (bz != 1 || tz != 1) return invalid_value;
	auto kept = std::make_shared<std::vector<std::uint64_t>>(); // arguments are those of the moment of the launch
	for (int i = 0; i < f->args; i++) kept->push_back(*(std::uint64_t *)args[i]);
	fake::Grid grid{(int)bx, (int)by, (int)tx, (int)ty};
	return perform(stream, [=] {
		std::vector<void *> at;
		for (auto &v : *kept) at.push_back(&v);
		fault = fake::run(*f, grid, at.data());
		return fault.empty() ? ok : launch_failed;
	});
}

API cuEventCreate(Event **event, unsigned) {
	ENTER_CONTEXT("cuEventCreate");
	events.insert(*event = new Event);
	return ok;
}

API cuEventDestroy_v2(Event *event) {
	int code = enter("cuEventDestroy");
	if (!events.erase(event)) return code ? code : invalid_value;
	delete event;
	return code;
}

API cuEventRecord(Event *event, Line *stream) {
	ENTER_CONTEXT("cuEventRecord");
	if (!events.count(event)) return invalid_value;
	event->line = line_of(stream);
	event->place = event->line->done + event->line->waiting.size();
	event->time = std::chrono::steady_clock::now();
	return ok;
}

API cuEventSynchronize(Event *event) {
	ENTER_CONTEXT("cuEventSynchronize");
	if (!events.count(event) || !event->line) return invalid_value;
	return finish(event->line, event->place);
}

API cuEventElapsedTime(float *ms, Event *from, Event *to) {
	ENTER_CONTEXT("cuEventElapsedTime");
	if (!events.count(from) || !events.count(to)) return invalid_value;
	*ms = std::chrono::duration<float, std::milli>(to->time - from->time).count();
	return ok;
}

API cuStreamBeginCapture_v2(Line *stream, int) {
	ENTER_CONTEXT("cuStreamBeginCapture");
	if (!streams.count(stream)) return invalid_value; // nobody can record the stream that there always is
	captured.clear();
	capturing = true;
	return ok;
}

API cuStreamEndCapture(void *, Graph **graph) {
	capturing = false; // whatever happens
	ENTER_CONTEXT("cuStreamEndCapture");
	*graph = new Graph{captured};
	graphs.insert(*graph);
	return ok;
}

API cuGraphInstantiateWithFlags(Graph **exec, Graph *graph, std::uint64_t) {
	ENTER_CONTEXT("cuGraphInstantiateWithFlags");
	*exec = new Graph{*graph};
	graphs.insert(*exec);
	return ok;
}

API cuGraphLaunch(Graph *exec, Line *stream) {
	ENTER_CONTEXT("cuGraphLaunch");
	for (auto &w : exec->work)
		if (int code = perform(stream, w)) return code;
	return ok;
}

static int drop_graph(const char *name, Graph *g) {
	int code = enter(name);
	if (!graphs.erase(g)) return code ? code : invalid_value;
	delete g;
	return code;
}

API cuGraphExecDestroy(Graph *g) { return drop_graph("cuGraphExecDestroy", g); }
API cuGraphDestroy(Graph *g) { return drop_graph("cuGraphDestroy", g); }

API cuGetErrorName(int code, const char **name) {
	auto at = words.find(code);
	*name = at == words.end() ? 0 : at->second.first;
	return at == words.end() ? invalid_value : ok;
}

API cuGetErrorString(int code, const char **text) {
	auto at = words.find(code);
	*text = at == words.end() ? 0 : at->second.second;
	return at == words.end() ? invalid_value : ok;
}

// fake_device sets what the device is.
TEST void fake_device(int count, int major, int minor, int version, std::uint64_t bytes) { device = {count, major, minor, version, bytes}; }

// fake_fail has the n-th call of a name from now on ("*": of any) fail with a code; n 0: none.
TEST void fake_fail(const char *name, int n, int code) {
	failing = name;
	fail_after = n;
	fail_with = code;
}

// fake_fail_allocation has the n-th allocation from now on find no memory.
TEST void fake_fail_allocation(int n) { allocation_after = n; }

// fake_calls is how many calls there were.
TEST int fake_calls() { return calls; }

// fake_left is how many things are held: contexts, modules, allocations and what else has a release.
TEST int fake_left() { return retained + (int)(modules.size() + memory.size() + hosts.size() + streams.size() + events.size() + graphs.size()); }

// fake_damaged says whether something wrote behind an allocation.
TEST int fake_damaged() {
	for (auto &[p, b] : memory)
		if (!whole(p, b)) return 1;
	return 0;
}

// fake_schedule sets in which order warps run: 0 forward, 1 reverse, 2 shuffled.
TEST void fake_schedule(int order, int seed) { fake::schedule((fake::Order)order, seed); }

// fake_late has work wait until something asks for it: 1 that of streams apart, 2 that of all others, 0 none.
TEST void fake_late(int which) { late = which; }

// fake_fault is what was wrong with the last kernel.
TEST const char *fake_fault() { return fault.c_str(); }
