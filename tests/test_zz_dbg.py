from tests.models import test_transformer as T
def test_dbg(tiny_encoder):
    for lr in (0.01,0.003):
        nlp=T.make_nlp(tiny_encoder, case_embedding=True)
        ex=T.make_examples(nlp); opt=nlp.initialize(lambda: ex)
        opt.learn_rate=lr
        for i in range(60):
            l=nlp.update(ex, sgd=opt)["crf_ner"]
            if i%10==9:
                trf=nlp.get_pipe("transformer"); ner=nlp.get_pipe("crf_ner")
                docs=[eg.reference.copy() for eg in ex]
                docs=[nlp.make_doc(eg.text) for eg in ex]
                exs=[T.Example(trf(d), eg.reference) for d,eg in zip(docs,ex)]
                print(lr, i, l, ner.get_loss(exs, ner.model.predict(docs))[0], nlp.evaluate(ex)["ents_f"])
