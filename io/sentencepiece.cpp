/* The library throws and allocates as it likes; nothing of that leaves this file. */
#include "io/sentencepiece.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <string>
#include <vector>

struct heed_sentencepiece {
    sentencepiece::SentencePieceProcessor processor;
};

/* Runs `work`, which returns a heed_code, and turns what it throws into an error. */
template <typename Work> static heed_code guarded(heed_error *e, Work work)
{
    try {
        return work();
    } catch (const std::bad_alloc &) {
        return heed_fail(e, HEED_NO_MEMORY, "no memory for SentencePiece");
    } catch (const std::exception &x) {
        return heed_fail(e, HEED_INVALID, "SentencePiece: %s", x.what());
    }
}

heed_sentencepiece *heed_sentencepiece_create(const char *name, const char *model, size_t length, heed_error *e)
{
    heed_sentencepiece *s = nullptr;
    heed_code code = guarded(e, [&] {
        s = new heed_sentencepiece;
        auto status = s->processor.LoadFromSerializedProto({model, length});
        return status.ok() ? HEED_OK : heed_fail(e, HEED_FORMAT, "%s: not a SentencePiece model (%s)", name, status.message());
    });
    if (!code) return s;
    delete s;
    return nullptr;
}

void heed_sentencepiece_free(heed_sentencepiece *s) { delete s; }

heed_code heed_sentencepiece_split(heed_sentencepiece *s, heed_line line, heed_sentencepiece_sink *sink, void *context,
                                   heed_error *e)
{
    return guarded(e, [&] {
        std::vector<std::string> pieces;
        auto status = s->processor.Encode({line.bytes, line.length}, &pieces);
        if (!status.ok()) return heed_fail(e, HEED_INVALID, "SentencePiece: %s", status.message());
        for (const auto &x : pieces)
            if (!sink(context, x.data(), x.size())) return heed_fail(e, HEED_NO_MEMORY, "no memory for the units of a line");
        return HEED_OK;
    });
}

heed_code heed_sentencepiece_join(heed_sentencepiece *s, const heed_line *pieces, size_t count, heed_sentencepiece_sink *sink,
                                  void *context, heed_error *e)
{
    return guarded(e, [&] {
        std::vector<std::string> list;
        for (size_t i = 0; i < count; i++) list.emplace_back(pieces[i].bytes, pieces[i].length);
        std::string line;
        auto status = s->processor.Decode(list, &line);
        if (!status.ok()) return heed_fail(e, HEED_INVALID, "SentencePiece: %s", status.message());
        if (!sink(context, line.data(), line.size())) return heed_fail(e, HEED_NO_MEMORY, "no memory for a line");
        return HEED_OK;
    });
}
