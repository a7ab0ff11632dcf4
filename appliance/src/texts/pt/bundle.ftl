bundle-done = Referência { $reference }: { $file }
bundle-with-words = Números e estados podem ser lidos por qualquer pessoa. Os registos vão dentro só para a chave do programa.
bundle-without-words = Só números e estados: os registos podem conter nomes, e o ficheiro da unidade não tem programme.age_recipient para os cifrar.
bundle-not-written = Não foi possível gravar o pacote; escolha outro lugar com --to
event-support-bundle = Foi feito um pacote de apoio: { $reference }.
