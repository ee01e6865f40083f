'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/tokenizer_config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: 82a69303-275d-41ea-b57b-f6aa7572f07f)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/tokenizer_config.json
Retrying in 1s [Retry 1/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/tokenizer_config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: e7503f19-90bd-44c6-aff7-d2a51951479b)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/tokenizer_config.json
Retrying in 2s [Retry 2/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/tokenizer_config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: fdab67d4-3ca8-4f54-87f6-34418049b4f1)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/tokenizer_config.json
Retrying in 4s [Retry 3/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/tokenizer_config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: 5bf11a29-b4cd-4f1e-95a9-710159b72f0f)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/tokenizer_config.json
Retrying in 8s [Retry 4/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/tokenizer_config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: 09619736-d084-4bf1-b001-ffaa5acc6eba)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/tokenizer_config.json
Retrying in 8s [Retry 5/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/tokenizer_config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: 90765a4e-5f02-4cc8-b1af-e2b118390b51)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/tokenizer_config.json
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: 9e4f2a20-3d6d-4391-9b7f-9be8fdf64c47)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/config.json
Retrying in 1s [Retry 1/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: f20e85c8-a6a8-4d3b-aec4-fba6e22f4eb6)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/config.json
Retrying in 2s [Retry 2/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: 310407a9-30b3-41ca-95f1-f1a2f39fa77e)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/config.json
Retrying in 4s [Retry 3/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: a928bc30-fd20-4736-9f84-d78886db0584)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/config.json
Retrying in 8s [Retry 4/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: c59e0f5d-87c9-4979-9424-0b08fcbc347e)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/config.json
Retrying in 8s [Retry 5/5].
'(MaxRetryError('HTTPSConnectionPool(host=\'huggingface.co\', port=443): Max retries exceeded with url: /assets/encoder/resolve/main/config.json (Caused by NameResolutionError("HTTPSConnection(host=\'huggingface.co\', port=443): Failed to resolve \'huggingface.co\' ([Errno -2] Name or service not known)"))'), '(Request ID: b41d9c1f-4d7d-4f4a-aee6-b6df844da4c6)')' thrown while requesting HEAD https://huggingface.co/assets/encoder/resolve/main/config.json
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "<frozen runpy>", line 88, in _run_code
  File "/work/scratch/venv/lib/python3.11/site-packages/spacy/__main__.py", line 4, in <module>
    setup_cli()
  File "/work/scratch/venv/lib/python3.11/site-packages/spacy/cli/_util.py", line 78, in setup_cli
    command(prog_name=COMMAND)
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/_click/core.py", line 809, in __call__
    return self.main(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/core.py", line 1305, in main
    return _main(
           ^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/core.py", line 332, in _main
    rv = self.invoke(ctx)
         ^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/core.py", line 1227, in invoke
    return _process_result(sub_ctx.command.invoke(sub_ctx))
                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/core.py", line 1227, in invoke
    return _process_result(sub_ctx.command.invoke(sub_ctx))
                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/_click/core.py", line 748, in invoke
    return ctx.invoke(self.callback, **ctx.params)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/_click/core.py", line 490, in invoke
    return callback(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/typer/main.py", line 1445, in wrapper
    return callback(**use_params)
           ^^^^^^^^^^^^^^^^^^^^^^
  File "/work/scratch/venv/lib/python3.11/site-packages/spacy/cli/debug_model.py", line 99, in debug_model_cli
    debug_model(config, T, nlp, pipe, print_settings=print_settings)
  File "/work/scratch/venv/lib/python3.11/site-packages/spacy/cli/debug_model.py", line 136, in debug_model
    nlp.initialize(lambda: train_corpus(nlp))
  File "/work/scratch/venv/lib/python3.11/site-packages/spacy/language.py", line 1353, in initialize
    proc.initialize(get_examples, nlp=self, **p_settings)
  File "/work/scratch/venv/lib/python3.11/site-packages/spacy_transformers/pipeline_component.py", line 351, in initialize
    self.model.initialize(X=docs)
  File "/work/scratch/venv/lib/python3.11/site-packages/thinc/model.py", line 318, in initialize
    self.init(self, X=X, Y=Y)
  File "/work/scratch/w/ops/spacy_dossier/models/transformer.py", line 223, in init
    shim.load(model.attrs["name"], model.attrs["tokenizer_config"], model.attrs["transformer_config"])
  File "/work/scratch/w/ops/spacy_dossier/models/encoder.py", line 146, in load
    raise DossierError(
spacy_dossier.errors.DossierError: cannot load the encoder (there is no such folder; from the hub: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.), found 'assets/encoder'. Name a folder with config.json, model.safetensors and tokenizer.json, or a model of the hub
