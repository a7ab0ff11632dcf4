event-disk-room = O disco de dados tem outra vez espaço: { $free_mb } MB livres de { $size_mb } MB.
event-disk-low = O disco de dados está quase cheio: { $free_mb } MB livres de { $size_mb } MB.
event-disk-full = O disco de dados está cheio: { $free_mb } MB livres de { $size_mb } MB. O OpenMRS é fechado em ordem antes que a base de dados seja apanhada a meio de uma escrita.
event-reserve-given = A reserva de espaço foi libertada para que a base de dados possa fechar em ordem.
event-clock-jumped = O relógio foi acertado de { $from } para { $to } (UTC).
event-clock-wrong = O relógio está errado: diz { $time } (UTC).
event-memory-killed = O sistema terminou { $count ->
    [one] um processo
   *[other] { $count } processos
} por falta de memória.
event-memory-short = Falta memória ({ $waiting_percent } % do tempo à espera): o trabalho de fundo pára, a clínica continua.
event-memory-calm = Há outra vez memória ({ $waiting_percent } % do tempo à espera): o trabalho de fundo continua.
event-processes-exhausted = { $unit } tem tantos processos e threads quantos pode ter: { $count ->
    [one] foi recusado mais um
   *[other] foram recusados mais { $count }
}.
event-heap-exhausted = A memória do OpenMRS esgotou-se; o que a enchia está em { $file }. O OpenMRS reinicia.
event-heat-normal = O sensor { $sensor } voltou ao normal: { $degrees } °C.
event-heat-hot = A máquina está quente: { $degrees } °C no sensor { $sensor }.
event-heat-critical = A máquina está quente demais: { $degrees } °C no sensor { $sensor }.
event-disk-failing = O disco { $disk } anuncia que vai avariar.
event-disk-worn = O disco { $disk } mostra desgaste: { $sign ->
    [wear-unreadable] sectores que não se lêem: { $figure }
    [wear-replaced] sectores substituídos: { $figure }
   *[wear-endurance] vida gasta: { $figure } %
}.
event-ups-online = A UPS tem outra vez corrente.
event-ups-on-battery = Falta a corrente: a máquina trabalha com a bateria da UPS.
event-ups-silent = A UPS não responde.
event-ups-replace-battery = A UPS pede uma bateria nova.
event-ups-battery-low = A bateria da UPS está quase vazia: a máquina desliga-se em ordem.
event-boot-begun = A máquina arrancou ({ $boot }.º arranque; sem fim em ordem até agora: { $unclean }).
event-database-mended = A base de dados não arrancou à primeira: um corte de corrente durante a última paragem deixou { $transactions ->
    [one] uma alteração
   *[other] { $transactions } alterações
} a meio. Agora decide o registo da base, como depois de qualquer corte; nada do que foi guardado se perdeu.
event-unclean-end = Da vez anterior a máquina não se desligou em ordem (corte de corrente?); foi assim { $unclean ->
    [one] uma vez
   *[other] { $unclean } vezes
} em { $begun } arranques.
alarm-disk-low = O disco de dados está quase cheio: { $free } MB livres de { $size } MB. Chame o suporte. O que importações anteriores substituíram (/data/replaced) ocupa { $replaced } MB e nunca é apagado sozinho.
alarm-disk-full = O disco de dados está cheio: { $free } MB livres de { $size } MB. O OpenMRS fica fechado para não estragar os dados e abre sozinho quando houver espaço. Chame o suporte. O que importações anteriores substituíram (/data/replaced) ocupa { $replaced } MB e nunca é apagado sozinho.
alarm-clock-wrong = O relógio da máquina está errado: diz { $time } (UTC). As datas dos registos novos ficam erradas. Ligue a máquina à rede ou chame o suporte; a pilha da placa pode estar gasta.
alarm-processes-exhausted = { $unit } tem tantos processos e threads quantos pode ter, para que o resto da máquina continue. Se o OpenMRS não responder, reinicie-o no menu; se isto voltar, chame o suporte.
alarm-heat = A máquina está quente demais: { $degrees } °C no sensor { $sensor }. Limpe o pó, veja a ventoinha e afaste-a de paredes e do sol.
alarm-disk-failing = O disco { $disk } anuncia que vai avariar. Faça já uma cópia dos dados e chame o suporte para o substituir.
alarm-wear-unreadable = O disco { $disk } tem { $figure } sectores que não se lêem. Faça uma cópia dos dados e peça um disco novo.
alarm-wear-replaced = O disco { $disk } já substituiu { $figure } sectores estragados. Peça um disco novo.
alarm-wear-endurance = O disco { $disk } gastou { $figure } % da sua vida. Peça um disco novo.
alarm-ups-on-battery = Falta a corrente: a máquina trabalha com a bateria da UPS e desliga-se em ordem antes que ela acabe.
alarm-ups-silent = A UPS não responde. Veja o cabo e o servidor da UPS: sem ela um corte de corrente desliga a máquina de repente.
alarm-ups-replace-battery = A UPS pede uma bateria nova: com a velha a máquina pode desligar-se de repente.
