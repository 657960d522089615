"""The names of figures for people."""

NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "all labels right",
    "span_f1": "span F1",
    "span_precision": "span precision",
    "span_recall": "span recall",
    "f1": "F1",
    "exact": "exact match",
    "answerable_f1": "F1, answerable",
    "answerable_exact": "exact match, answerable",
    "unanswerable_accuracy": "accuracy, unanswerable",
    "mrr_at_10": "MRR@10",
    "ndcg_at_10": "nDCG@10",
    "recall_at_10": "recall@10",
    "hit_at_1": "hit@1",
    "ece": "calibration error",
    "ece_raw": "calibration error, temperature 1",
}
