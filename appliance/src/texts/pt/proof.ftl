proof-cloning = A clonar a cópia
proof-recovering = A arrancar um servidor sobre o clone
proof-opening = A abrir todas as tabelas
proof-reading = A ler todas as páginas
proof-checking = A verificar todas as tabelas
proof-good = A cópia { $snapshot } está boa ({ $depth ->
    [full] prova completa
   *[other] prova rápida
 }): a base de dados arranca, { $tables } tabelas do OpenMRS abrem, não falta nada do que havia no momento da cópia. Demorou { $seconds } s.
proof-bad = A cópia { $snapshot } está DANIFICADA ({ $depth ->
    [full] prova completa
   *[other] prova rápida
 }): { $reason }
    Fica como está; o que o servidor disse está ao lado, em { $log }. Não a reponha; faça outra e prove essa.
proof-journal = Diário: { $file }, posição { $position }
proof-rows = { $table }: { $rows } linhas
proof-fell = { $table }: { $now } linhas, na prova anterior { $before }. O OpenMRS não apaga linhas por si: descubra quem as apagou.
proof-no-room = Sem veredicto: uma prova precisa de { $needed } MB livres no disco de dados, há { $free } MB. Liberte espaço e tente de novo.
proof-no-memory = Sem veredicto: uma prova precisa de { $needed } MB de memória, há { $free } MB. Tente de novo quando a unidade estiver calma.
proof-no-program = Sem veredicto: o programa do servidor da base de dados { $program } não existe. É uma falha desta versão.
proof-busy = Sem veredicto: está a decorrer outra prova. Tente de novo quando terminar.
proof-interrupted = Parada a pedido; sem veredicto. Uma prova completa continua mais tarde de onde ficou.
proof-killed = Sem veredicto: o servidor da prova foi terminado ({ $how }), por falta de memória ou à mão. Tente mais tarde.
proof-lack = Sem veredicto: o servidor da prova não conseguiu trabalhar: { $words }. A culpa não é da cópia.
proof-too-slow = Sem veredicto: o servidor da prova não respondeu em { $seconds } s. Tente de novo quando o disco estiver calmo.
proof-unknown = Não há cópia { $snapshot }; 'posto snapshot list' mostra-as.
proof-not-done = Sem veredicto: { $words }
event-proof-rows-fell = A cópia { $snapshot } tem { $now } linhas de { $table }, a anterior { $before }: foram apagadas linhas, o que o OpenMRS não faz por si.
event-proof-goes-on = A prova completa da cópia { $snapshot } continua mais tarde ({ $done } de { $tables } tabelas feitas).
