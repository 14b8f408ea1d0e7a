/* Drives libcvm_runtime.so as a full node does: dlopen, dlsym for each call, the order of calls of a cold
 * model, one inference after the other. Built and run by the test c_program.
 *
 * usage: node LIBRARY FOLDER COUNT
 * FOLDER has for each case N: N.symbol N.params N.input N.output N.facts; the facts are ten numbers:
 * return code, operations, storage size, input length, output length, input and output type sizes.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef unsigned long long u64;

static void *library;

static void fail(int line, const char *what, long found, long expected) {
    fprintf(stderr, "node.c:%d: %s is %ld, expected %ld\n", line, what, found, expected);
    exit(1);
}

#define EXPECT(found, expected)                                                  \
    do {                                                                         \
        long found_ = (long)(found), expected_ = (long)(expected);               \
        if (found_ != expected_) fail(__LINE__, #found, found_, expected_);      \
    } while (0)

/* The function of this name, found anew for each call as the node does. */
#define CALL(name, type) ((type)symbol(#name))
static void *symbol(const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "dlsym %s: %s\n", name, dlerror());
        exit(1);
    }
    return found;
}

typedef int load_fn(const char *, int, const char *, int, void **, int, int);
typedef int free_fn(void *);
typedef int infer_fn(void *, char *, int, char *);
typedef int text_fn(void *, char *);
typedef int number_fn(void *, u64 *);
typedef int gas_fn(const char *, u64 *);

#define Load CALL(CVMAPILoadModel, load_fn *)
#define Free CALL(CVMAPIFreeModel, free_fn *)
#define Infer CALL(CVMAPIInference, infer_fn *)
#define Version CALL(CVMAPIGetVersion, text_fn *)
#define Postprocess CALL(CVMAPIGetPreprocessMethod, text_fn *)
#define InputLength CALL(CVMAPIGetInputLength, number_fn *)
#define OutputLength CALL(CVMAPIGetOutputLength, number_fn *)
#define InputTypeSize CALL(CVMAPIGetInputTypeSize, number_fn *)
#define OutputTypeSize CALL(CVMAPIGetOutputTypeSize, number_fn *)
#define StorageSize CALL(CVMAPIGetStorageSize, number_fn *)
#define GasFromModel CALL(CVMAPIGetGasFromModel, number_fn *)
#define GasFromGraphFile CALL(CVMAPIGetGasFromGraphFile, gas_fn *)

struct file {
    char *bytes;
    int length;
};

static struct file read_file(const char *folder, int number, const char *kind) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d.%s", folder, number, kind);
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        exit(1);
    }
    fseek(in, 0, SEEK_END);
    struct file file = {NULL, (int)ftell(in)};
    rewind(in);
    file.bytes = malloc(file.length + 1);
    EXPECT(fread(file.bytes, 1, file.length, in), file.length);
    fclose(in);
    return file;
}

/* A copy that ends where readable memory ends, so that one byte too many is a crash. */
static char *at_the_edge(struct file file) {
    long page = sysconf(_SC_PAGESIZE);
    long size = (file.length + page - 1) / page * page;
    char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory + size, page, PROT_NONE);
    char *copy = memory + size - file.length;
    memcpy(copy, file.bytes, file.length);
    return copy;
}

static void *last_net;

struct run {
    void *net;
    struct file input, output;
};

static void *run_often(void *argument) {
    struct run *run = argument;
    char *output = malloc(run->output.length);
    for (int i = 0; i < 50; i++) {
        EXPECT(Infer(run->net, run->input.bytes, run->input.length, output), 0);
        EXPECT(memcmp(output, run->output.bytes, run->output.length), 0);
    }
    free(output);
    return NULL;
}

static void check(const char *folder, int number) {
    struct file json = read_file(folder, number, "symbol"), params = read_file(folder, number, "params");
    struct file input = read_file(folder, number, "input"), output = read_file(folder, number, "output");
    struct file facts = read_file(folder, number, "facts");
    facts.bytes[facts.length] = 0;
    u64 code, ops, storage, in_length, out_length, in_type, out_type, value;
    EXPECT(sscanf(facts.bytes, "%llu %llu %llu %llu %llu %llu %llu", &code, &ops, &storage, &in_length, &out_length,
                  &in_type, &out_type), 7);

    /* The gas path: text that does not end with a zero byte. */
    char *edge = at_the_edge(json);
    EXPECT(GasFromGraphFile(edge, &value), 0);
    EXPECT(value, ops);

    void *net = NULL;
    EXPECT(Load(edge, json.length, at_the_edge(params), params.length, &net, number % 3, 0), 0);
    EXPECT(net != NULL, 1);
    EXPECT(StorageSize(net, &value), 0);
    EXPECT(value, storage);
    EXPECT(GasFromModel(net, &value), 0);
    EXPECT(value, ops);
    EXPECT(InputLength(net, &value), 0);
    EXPECT(value, in_length);
    EXPECT(InputTypeSize(net, &value), 0);
    EXPECT(value, in_type);
    EXPECT(OutputTypeSize(net, &value), 0);
    EXPECT(value, out_type);
    char text[34];
    memset(text, 'x', sizeof text);
    EXPECT(Version(net, text), 0);
    EXPECT(strncmp(text, "cvm_1.", 6), 0);
    memset(text, 'x', sizeof text);
    EXPECT(Postprocess(net, text), 0);
    EXPECT(strlen(text) <= 32, 1);

    EXPECT(OutputLength(net, &value), 0);
    EXPECT(value, out_length);
    /* Guarded on the right by the edge, on the left by a mark. */
    struct file room = {calloc(1, out_length + 1), (int)out_length};
    char *answer = at_the_edge(room);
    EXPECT(Infer(net, input.bytes, input.length, answer), code);
    if (code == 0) EXPECT(memcmp(answer, output.bytes, out_length), 0);
    EXPECT(Infer(net, input.bytes, input.length - 1, answer), 1);
    EXPECT(Infer(net, input.bytes, -1, answer), 1);
    EXPECT(Infer(net, NULL, input.length, answer), 2);
    EXPECT(Infer(net, input.bytes, input.length, NULL), 2);

    if (code == 0) {
        pthread_t threads[4];
        struct run run = {net, input, output};
        for (int i = 0; i < 4; i++) EXPECT(pthread_create(&threads[i], NULL, run_often, &run), 0);
        for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    }
    EXPECT(Free(net), 0);
    EXPECT(Free(net), 2);
    EXPECT(Infer(net, input.bytes, input.length, answer), 2);
    last_net = net;

    /* Loading that must fail, and must not touch the handle. */
    void *untouched = &net;
    net = untouched;
    EXPECT(Load(json.bytes, json.length, params.bytes, params.length, &net, 3, 0), 2);
    EXPECT(Load(json.bytes, json.length, params.bytes, params.length, &net, -1, 0), 2);
    EXPECT(Load(json.bytes, -1, params.bytes, params.length, &net, 0, 0), 2);
    EXPECT(Load(json.bytes, json.length, params.bytes, -5, &net, 0, 0), 2);
    EXPECT(Load(NULL, json.length, params.bytes, params.length, &net, 0, 0), 2);
    EXPECT(Load(json.bytes, json.length, NULL, 8, &net, 0, 0), 2);
    EXPECT(Load(json.bytes, json.length, params.bytes, params.length, NULL, 0, 0), 2);
    EXPECT(Load(json.bytes, json.length / 2, params.bytes, params.length, &net, 0, 0), 2);
    EXPECT(Load("{}", 2, params.bytes, params.length, &net, 0, 0), 1);
    EXPECT(Load(json.bytes, json.length, params.bytes, 7, &net, 0, 0), 1);
    EXPECT(net == untouched, 1);
}

int main(int argc, char **argv) {
    EXPECT(argc, 4);
    library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        fprintf(stderr, "dlopen: %s\n", dlerror());
        return 1;
    }
    int count = atoi(argv[3]);
    for (int number = 0; number < count; number++) check(argv[2], number);

    u64 value = 7;
    char text[34];
    void *strangers[] = {NULL, (void *)1, (void *)-1, last_net, &value};
    for (unsigned i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        void *net = strangers[i];
        EXPECT(Version(net, text), 2);
        EXPECT(Postprocess(net, text), 2);
        EXPECT(InputLength(net, &value), 2);
        EXPECT(OutputLength(net, &value), 2);
        EXPECT(InputTypeSize(net, &value), 2);
        EXPECT(OutputTypeSize(net, &value), 2);
        EXPECT(StorageSize(net, &value), 2);
        EXPECT(GasFromModel(net, &value), 2);
        EXPECT(Infer(net, text, 1, text), 2);
        EXPECT(Free(net), net ? 2 : 0);
    }
    EXPECT(GasFromGraphFile(NULL, &value), 2);
    EXPECT(GasFromGraphFile("{}", NULL), 2);
    EXPECT(GasFromGraphFile("{}", &value), 1);
    EXPECT(GasFromGraphFile("", &value), 2);
    EXPECT(GasFromGraphFile("{\"nodes\": [", &value), 2);
    EXPECT(value, 7);
    printf("%d cases\n", count);
    return 0;
}
