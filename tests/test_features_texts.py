"""Texts as weighted n-grams."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import issparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from mlcli.features.ngrams import NGRAMS, share_unspaced
from mlcli.features.texts import SORTS, WEIGHT, NGramVectorizer, TextEncoder

LETTERS = st.text(st.sampled_from("aAbéİß1_ \t\n.,-的书é"), max_size=30)
TEXTS = ["The cat sat on the mat.", "A dog sat; the cat ran.", "", "Dogs and cats\n\nand  dogs", "x"]


def column(texts, name="body"):
    return pd.DataFrame({name: pd.Series(texts, dtype="str")})


@pytest.mark.parametrize("analyzer", NGRAMS)
@settings(max_examples=50, deadline=None)
@given(text=LETTERS, low=st.integers(1, 3), more=st.integers(0, 2))
def test_ngrams_are_those_of_scikit_learn(analyzer, text, low, more):
    theirs = CountVectorizer(analyzer=analyzer, ngram_range=(low, low + more)).build_analyzer()

    assert sorted(NGRAMS[analyzer](text, low, low + more)) == sorted(theirs(text))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("min_df", [1, 2])
def test_weights_are_those_of_scikit_learn(sort, min_df):
    analyzer, low, high = SORTS[sort]
    ours = NGramVectorizer(analyzer=analyzer, low=low, high=high, min_df=min_df)
    theirs = TfidfVectorizer(analyzer=analyzer, ngram_range=(low, high), min_df=min_df, sublinear_tf=True)

    np.testing.assert_allclose(ours.fit_transform(TEXTS).toarray(), theirs.fit_transform(TEXTS).toarray(), atol=1e-12)
    assert list(ours.vocabulary_) == theirs.get_feature_names_out().tolist()
    new = ["the dog, the mat", "nothing known", ""]
    np.testing.assert_allclose(ours.transform(new).toarray(), theirs.transform(new).toarray(), atol=1e-12)


@pytest.mark.parametrize("components", [None, 2])
def test_fitting_and_asking_agree_and_rows_do_not_touch_one_another(components):
    encoder = TextEncoder(components=components)
    fitted = encoder.fit_transform(column(TEXTS))
    alone = [encoder.transform(column([text])) for text in TEXTS]
    if components is None:
        assert issparse(fitted)
        fitted, alone = fitted.toarray(), [row.toarray() for row in alone]

    np.testing.assert_allclose(fitted, np.vstack(alone), atol=1e-12)


def test_the_order_of_the_training_rows_does_not_matter():
    one, other = TextEncoder(max_features=12).fit(column(TEXTS)), TextEncoder(max_features=12).fit(column(TEXTS[::-1]))

    assert one.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()


def test_every_sort_of_a_text_weighs_alike():
    weights = TextEncoder().fit_transform(column(TEXTS[:2])).toarray()

    np.testing.assert_allclose((weights**2).sum(axis=1), 2 * WEIGHT**2)


@pytest.mark.parametrize(
    ("texts", "sorts"),
    [
        (TEXTS, ["word", "char_wb"]),
        (["这本书很好。", "酒店不好 WiFi"], ["char"]),
        (["とても良いホテルでした", "本が好き"], ["char"]),
        (["โรงแรมนี้ดีมาก", "หนังสือ"], ["char"]),
        (["это хорошая книга", "плохо"], ["word", "char_wb"]),
        (["호텔이 아주 좋아요", "별로"], ["word", "char_wb"]),
        (["", ""], ["word", "char_wb"]),
    ],
    ids=["english", "chinese", "japanese", "thai", "russian", "korean", "empty"],
)
def test_the_script_decides_between_words_and_characters(texts, sorts):
    encoder = TextEncoder().fit(column(texts))

    assert [vectorizer.analyzer for vectorizer in encoder.vectorizers_[0]] == sorts


@pytest.mark.parametrize(
    ("ngrams", "sorts"), [("word", ["word"]), ("char", ["char_wb"]), ("both", ["word", "char_wb"])]
)
def test_the_config_may_choose_the_sort(ngrams, sorts):
    encoder = TextEncoder(ngrams=ngrams).fit(column(TEXTS))

    assert [vectorizer.analyzer for vectorizer in encoder.vectorizers_[0]] == sorts


def test_the_share_of_letters_without_spaces_is_told():
    assert share_unspaced(["ab 书"]) == pytest.approx(1 / 3)
    assert share_unspaced(["12 !"]) == 0.0


def test_missing_texts_count_as_empty_ones():
    encoder = TextEncoder().fit(column(TEXTS))
    missing, empty = encoder.transform(column([None])), encoder.transform(column([""]))

    assert (missing != empty).nnz == 0
    assert missing.nnz == 0


@pytest.mark.parametrize("components", [None, 3])
@pytest.mark.parametrize("texts", [["", ""], [None, None], ["!", "?"], ["one", "two"], ["one"]])
def test_texts_that_hardly_say_anything_can_be_fitted(texts, components):
    encoder = TextEncoder(components=components)
    features = encoder.fit_transform(column(texts))

    assert features.shape == (len(texts), len(encoder.get_feature_names_out()))


def test_an_ngram_of_a_single_text_is_left_out_where_others_come_twice():
    names = TextEncoder(ngrams="word").fit(column(["cat dog", "cat bird"])).get_feature_names_out()

    assert names.tolist() == ["body~cat"]


def test_the_most_frequent_ngrams_are_kept():
    names = TextEncoder(ngrams="word", max_features=2, min_df=1).fit(column(["cat dog", "cat ox", "ox cat"]))

    assert names.get_feature_names_out().tolist() == ["body~cat", "body~ox"]


def test_components_have_numbers_for_names():
    encoder = TextEncoder(components=2).fit(pd.concat([column(TEXTS, "a"), column(TEXTS, "b")], axis=1))

    assert encoder.get_feature_names_out().tolist() == ["a.0", "a.1", "b.0", "b.1"]


@pytest.mark.parametrize(
    ("file", "text", "least"), [("chinese_sentiment.csv.gz", "text", 0.8), ("spam_emails.csv.gz", "body", 0.95)]
)
def test_a_linear_model_on_ngrams_reads_real_texts(file, text, least, data_dir):
    table = pd.read_csv(data_dir / file, dtype="str")
    if text == "body":
        table = table.sample(1000, random_state=0)  # long mails; fewer say as much
    train, test = train_test_split(table, test_size=0.2, stratify=table["label"], random_state=0)
    model = make_pipeline(TextEncoder(), LogisticRegression(max_iter=1000))

    assert model.fit(train[[text]], train["label"]).score(test[[text]], test["label"]) >= least
