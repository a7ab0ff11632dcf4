event-snapshot-taken = Foi feita a cópia { $snapshot } ({ $why }).
event-snapshot-failed = Não foi possível fazer uma cópia ({ $result }); os dados estão como estavam, tenta-se de novo.
event-snapshot-thrown-away = A cópia { $snapshot } foi deitada fora ({ $why }).
event-snapshots-thinned = O disco dos dados está a encher: { $count ->
    [one] foi apagada uma cópia
   *[other] foram apagadas { $count } cópias
} antes do tempo; há agora { $free_mb } MB livres.
event-proof-good = A cópia { $snapshot } foi provada em { $seconds } s ({ $depth ->
    [full] todas as tabelas lidas
   *[other] rápida
}).
event-proof-bad = A cópia { $snapshot } falhou a prova: { $reason } Fica guardada como evidência.
reason-scheduled = pelo horário
reason-before-restore = antes de se repor uma cópia
reason-before-update = antes de uma actualização
reason-imported = vinda de fora
reason-unreadable = não se conseguia ler
alarm-snapshots-none = Não foi feita nenhuma cópia em { $hours } horas de funcionamento. O que se regista agora não poderia ser recuperado. Veja posto events e chame o suporte.
alarm-snapshots-unproven = Nenhuma cópia foi provada em { $hours } horas de funcionamento: ninguém sabe se poderiam ser repostas. Veja posto events e chame o suporte.
alarm-snapshot-bad = A cópia { $snapshot } falhou a prova: não poderia ser reposta, e a própria base de dados pode estar danificada. Fica guardada; não a deite fora. Chame o suporte (posto snapshot show { $snapshot }).
status-snapshot = { $snapshot }, há { $age }, { $proof }
status-snapshot-proven = a mais nova provada: { $snapshot }
status-snapshot-none = ainda nenhuma
console-snapshot = Cópia: { $words }
snapshot-age-minutes = { $count } min
snapshot-age-hours = { $count } h
snapshot-age-days = { $count } dias
snapshot-proof-not = ainda não provada
snapshot-proof-quick = provada
snapshot-proof-full = provada por inteiro
snapshot-proof-bad = DANIFICADA
snapshot-reason-scheduled = horário
snapshot-reason-by-hand = à mão: { $text }
snapshot-reason-before-restore = antes de repor a { $snapshot }
snapshot-reason-before-update = antes da actualização para { $release }
snapshot-reason-imported = { $snapshot } de { $facility }
snapshot-reason-other = de uma versão posterior
snapshot-list-none = Ainda não há nenhuma cópia. A caixa faz cópias sozinha; 'posto snapshot take' faz uma agora.
snapshot-list-undescribed = a cópia { $snapshot } existe, mas não se pode descrever: { $reason }
snapshot-head-id = nº
snapshot-head-time = hora
snapshot-head-age = idade
snapshot-head-proof = prova
snapshot-head-rows = linhas
snapshot-head-apparent = tamanho
snapshot-head-exclusive = só dela
snapshot-head-reason = razão
snapshot-method-hot-clone = com a clínica a trabalhar
snapshot-method-freeze = com a base de dados congelada (não respondia)
snapshot-method-stopped = com a base de dados parada
snapshot-show-method = feita
snapshot-show-held = registos retidos
snapshot-show-facility = unidade sanitária
snapshot-show-release = versão
snapshot-show-database = base de dados
snapshot-show-schema = conjuntos de mudanças
snapshot-show-lacks = não veio na cópia
snapshot-show-good = { $time }: boa ({ $depth ->
    [full] todas as tabelas lidas
   *[other] rápida
}, { $tables } tabelas, { $seconds } s)
snapshot-show-bad = { $time }: DANIFICADA ({ $depth ->
    [full] todas as tabelas lidas
   *[other] rápida
}, { $tables } tabelas, { $seconds } s): { $reason }
snapshot-show-fell = { $table } tinha { $before } linhas, agora { $now }
event-table-rebuilt = A tabela { $table } estava em { $before } pedaços e foi escrita de novo em { $seconds } s; está agora em { $after }.
event-table-rebuild-gave-way = A tabela { $table } não foi escrita de novo: { $why }. Está como estava; tenta-se noutra noite.
event-table-rebuild-refused = A tabela { $table } não pode ser escrita de novo com a clínica a trabalhar: { $reason } Está como estava.
reason-table-in-use = alguém estava a usá-la
reason-stopped = o trabalho foi interrompido
reason-memory-short = faltava memória
reason-disk-fills = o disco dos dados estava a encher
reason-quiet-time-over = a hora de sossego acabou
reason-takes-too-long = demorou demasiado ao lado do trabalho da clínica
