#!/usr/bin/env python3
"""Makes bleu.tsv (hypothesis, two references) and bleu.expected from sacrebleu (2.6.0 was used): pip install sacrebleu."""
from sacrebleu.metrics import BLEU, CHRF

SENTENCES = [
    ("The ferry leaves at 7.30, not at 8.15.", "The ferry leaves at 7.30, not 8.15.", "The boat sails at 7.30 and not at 8.15."),
    ("the the the the lamp", "the lamp on the table", "the lamp that is on the table"),
    ("", "Nobody answered.", "There was no answer."),
    ("She said: \"Bring 3 pears, 2 plums & 1 fig!\"",
     "She said: \"Bring 3 pears, 2 plums and a fig!\"", "\"Bring three pears,\" she said."),
    ("Der Zug hält in Köln-Süd um 12:05 Uhr.",
     "Der Zug hält um 12:05 Uhr in Köln-Süd.", "Um 12:05 Uhr hält der Zug in Köln-Süd."),
    ("word", "word", "a word"),
    ("two words", "two words", "two words more"),
    ("A 10-year plan (see p. 4-7) costs $1,200.50...",
     "A 10-year plan (see pp. 4-7) costs $1,200.50.", "The plan costs 1,200.50 $ (p. 4-7)."),
    ("猫 は 窓 から 外 を 見る 。", "猫 は 窓 から 外 を 見て いる 。", "窓 から 猫 が 外 を 見る 。"),
    ("l'hiver n'est pas fini ; il neige encore",
     "l'hiver n'est pas encore fini ; il neige", "il neige encore, l'hiver n'est pas fini"),
    ("x < y &amp;&amp; y &gt; z &quot;quoted&quot; <skipped> end", "x < y && y > z \"quoted\" end", "x &lt; y and y > z"),
    ("ночью шёл дождь, а утром — снег", "ночью шёл дождь, утром — снег", "дождь шёл всю ночь"),
    ("completely different output here", "nothing in common at all", "no overlap whatsoever"),
    ("a b c d e f g h i j", "a b c d e f g h i j", "j i h g f e d c b a"),
    ("tail_of_underscores__and/slashes\\back", "tail_of_underscores and/slashes\\back", "tail of underscores"),
    ("1,000,000 stars ,and 3.14 . is pi", "1,000,000 stars, and 3.14 is pi.", "a million stars"),
    ("wide\u3000space and\u00a0no-break\u2003em", "wide space and no-break em", "wide\u3000space"),
    ("e\u0301te\u0301 🌞🌞 rain", "été 🌞 rain", "e\u0301te\u0301 🌞 sun"),
    ("a reply", "", "a reply of two"),
    ("repeat repeat repeat repeat repeat repeat", "repeat repeat repeat", "do repeat repeat repeat repeat"),
    ("tokens , already . split ?", "tokens , already . split !", "tokens , split ?"),
    ("5-3 is 2 and x-5 is not 5- or -5", "5-3 is 2 and x-5 is not 5- or - 5", "5 - 3 = 2"),
]


def row(first, last, references):
    part = SENTENCES[first:last]
    hyps = [s[0] for s in part]
    refs = [[s[1 + r] for s in part] for r in range(references)]
    values = []
    for tokens in "none", "13a":
        bleu = BLEU(tokenize=tokens).corpus_score(hyps, refs)
        values += [bleu.score, bleu.bp, *bleu.precisions]
    values.append(CHRF().corpus_score(hyps, refs).score)
    return "\t".join([str(first), str(last), str(references)] + [repr(float(v)) for v in values])


with open("bleu.tsv", "w", encoding="utf-8") as f:
    f.writelines("\t".join(s) + "\n" for s in SENTENCES)
with open("bleu.expected", "w", encoding="utf-8") as f:
    f.write("# first last references, then score, brevity penalty, four precisions for tokens none and 13a, then chrF2\n")
    n = len(SENTENCES)
    spans = [(i, i + 1) for i in range(n)] + [(0, i) for i in range(2, n + 1)]
    f.writelines(row(first, last, references) + "\n" for first, last in spans for references in (1, 2))
