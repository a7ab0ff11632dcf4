update-asking = A perguntar o que há
update-fetching = A buscar
update-staging = A escrever no outro espaço
update-checking = A verificar
update-no-stick = Não há nenhuma pen com o nome POSTOUPDATE ('posto-sign stage --to' prepara uma). Nada foi alterado.
update-no-root = Esta imagem foi feita sem a chave de quem publica: não recebe atualizações. Tem de ser feita de novo com uma (posto-image build --trusted-root).
update-running = Este servidor corre a versão { $release }; atualizações: { $updates }, canal { $channel }.
update-unknown = Ainda ninguém respondeu: não se sabe o que há.
update-up-to-date = Não há nada mais novo para este servidor.
update-offered = A versão { $release } é para este servidor: { $bytes }, dos quais faltam { $missing }.
update-offered-whole = A versão { $release } é para este servidor, inteira (nenhuma diferença serve para o que corre): { $bytes }, dos quais faltam { $missing }. Por pen não custa nada.
update-waits = Há a versão { $release }, que ainda não é para este servidor: { update-waiting }.
update-failed = A última tentativa acabou antes do fim: { update-trouble }. O que chegou fica; a próxima continua dali.
update-fetching-now = Está a ser buscada agora.
update-fetched = Já está toda aqui.
update-expired = As listas de quem publica passaram da data ({ $roles }): podem não ser as mais novas. Versões mais antigas nunca entram.
update-budget = Este mês custou { $paid } de { $budget }.
update-done = A versão { $release } está no outro espaço, lida de volta e provada. A unidade continua com a atual até à troca.
update-not-done = Nenhuma versão nova está no outro espaço: { update-trouble }. A que corre continua; nada da unidade foi tocado.
update-staging-now = A versão { $release } está a ser escrita no outro espaço.
update-verify-lists = As listas estão assinadas por quem publica. Versões: { $names }
update-verify-whole = { $path }: { $bytes }, inteiro e como foi assinado
update-verify-not = { $path }: não serve aqui: { $reason }
update-verify-takes = Este servidor receberia a versão { $release } ('posto update fetch --stick').
update-verify-takes-none = Este servidor não receberia nenhuma: { $why }.
event-update-offered = A versão { $release } é para este servidor: { $mb } MB
event-update-fetched = A versão { $release } está aqui, { $mb } MB; segue-se verificá-la e escrevê-la no outro espaço
event-update-not-fetched = A versão { $release } não chegou ao fim: { update-trouble }; o que chegou fica
event-update-staged = A versão { $release } está no outro espaço, provada; continua a correr a { $running }
event-update-not-staged = Nenhuma versão nova foi preparada: { update-trouble }
update-trouble = { $trouble ->
    [interrupted] foi interrompida
    [nobody-to-ask] não há a quem perguntar: facility.toml não indica nenhum servidor ([releases] mirrors) e não há pen
    [nobody-answers] nenhum servidor nem pen a traz agora ({ $reason })
    [not-as-signed] o que veio não é o que foi assinado por quem publica, e foi recusado ({ $reason })
    [no-way] quem publica não deixou nenhuma diferença que sirva para o que corre aqui ({ $reason })
    [over-budget] os megabytes do mês acabaram; por pen não custa nada
    [slot-not-free] agora não se pode tocar no outro espaço ({ $reason })
    [busy] já há outra a decorrer
    [here] este próprio servidor: o disco ou os ficheiros ({ $reason })
   *[other] { $reason }
}
update-waiting = { $waiting ->
    [held] o ficheiro da unidade retém as atualizações
    [paused] quem publica suspendeu-a
    [not-before] ainda não chegou a sua hora
    [ring] vai primeiro para outras unidades
    [too-small] este servidor é pequeno demais para ela
   *[other] { $why }
}
