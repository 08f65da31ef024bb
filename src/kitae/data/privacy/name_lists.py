"""Common family and given names: context alone cannot tell 佐藤様 from お客様, or "I'm Emma" from "I'm here"."""

SURNAMES = frozenset(
    """佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 渡邉 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 斉藤 齋藤 齊藤 清水
    山崎 森 池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 福田 太田 西村 藤井 金子
    岡本 藤原 三浦 中野 中川 原田 松田 竹内 小野 田村 中山 和田 石田 森田 上田 原 内田 柴田 酒井 宮崎 横山 高木 安藤 宮本 大野 小島
    谷口 工藤 今井 高田 増田 丸山 杉山 村田 大塚 新井 小山 平野 藤本 河野 上野 野口 武田 松井 千葉 菅原 岩崎 木下 久保 佐野 野村
    松尾 市川 菊地 菊池 杉本 古川 大西 島田 水野 桜井 櫻井 渡部 高野 山内 吉川 西田 飯田 西川 菊田 小松 北村 安田 五十嵐 川口 平田
    関 中田 東 服部 川崎 福島 岩田 土屋 本田 辻 樋口 秋山 永井 田口 中西 川上 吉村 石原 山中 片山 松岡 矢野 浅野 大橋 荒木 小池 浜田
    大久保 熊谷 松村 吉岡 松下 荒井 野田 森本 内藤 川村 小西 堀 松浦 黒田 大島 松原 望月 菅野 永田 堀内 広瀬 広田 岡崎 尾崎 馬場
    西山 伊東 大川 早川 栗原 成田 小田 三宅 星野 本間 片岡 須藤 大谷 岩本 宮田 横田 関口 八木 榎本 榊原 平井 中井 上村 白石 大石
    沢田 澤田 高山 児玉 宮下 川島 柳 稲垣 柴崎 浅井 土井 落合 相川 大森 大山 坂口 坂井 坂田 松永 足立 奥村 奥田 岸 岸本 小泉 塚本
    植田 植木 泉 神田 神谷 谷 谷川 谷本 徳田 富田 冨田 豊田 長尾 長田 永野 並木 成瀬 西尾 西野 西本 萩原 橋爪 畑 浜口 東野 日高
    平川 平山 深澤 深沢 福井 福岡 福永 福本 藤沢 藤澤 藤川 細川 堀江 堀田 前川 牧野 町田 松崎 三木 三好 水谷 溝口 南 宮川 宮沢 宮澤
    村井 村山 望 森山 森下 柳田 柳澤 矢島 山岸 山根 山村 横井 吉野 吉本 若林 鷲尾 石橋 石塚 石黒 一ノ瀬 市村 稲葉 今村 入江 岩井
    上原 臼井 梅田 浦田 江口 江藤 及川 大場 大和田 岡 岡村 小倉 小沢 小澤 小野寺 織田 柏木 金井 金田 鎌田 神山 川田 川端 河合 河村
    河原 北川 北野 木内 久保田 熊田 黒川 黒木 桑原 小松崎 小柳 近衛 西園寺 佐久間 佐伯 真田 沢村 塩田 篠原 島村 下田 白井 白川 城田
    新谷 杉浦 菅 鈴村 瀬戸 高井 高島 高瀬 高松 滝沢 滝川 竹田 竹中 武藤 田島 田代 田辺 田原 玉井 千田 津田 土田 堤 手塚 寺田 寺島
    戸田 内海 中尾 中沢 中澤 中原 永瀬 夏目 名取 難波 新田 二宮 丹羽 根本 野崎 野中 野々村 羽田 浜崎 早坂 原口 比嘉 東山 土方 氷室
    深田 藤村 藤岡 古田 星 細田 本多 本郷 真鍋 松山 三上 三島 三田 水口 宮地 向井 武者小路 室井 茂木 本橋 守屋 柳原 柳沢 山形 山川
    山城 湯浅 横川 吉沢 吉澤 米田 若松 綾小路 鳳 葛西 久我 篠崎 神崎 神宮寺 宮内 佐川 相沢 相澤 青山 赤松 秋元 浅田 朝倉 東海林
    有馬 有田 飯島 飯塚 生田 池上 石垣 磯部 板倉 市原 岩下 岩瀬 植村 鵜飼 宇野 梅原 遠山 大木 大竹 大槻 大沼 岡部 奥山 長内 尾形
    緒方 小笠原 小原 加賀 角田 笠原 梶原 柏原 勝又 門田 上条 亀井 唐沢 川井 川合 川本 菊川 岸田 喜多 木原 桐谷 草野 楠 国分 熊沢
    倉田 郡司 小坂 小宮 権藤 西条 境 榊 桜庭 笹川 佐竹 里見 重松 宍戸 柴 芝田 渋谷 島崎 志村 庄司 菅沼 関根 園田 曽根 高畑 高見
    滝口 竹下 立花 橘 館 丹野 千野 塚田 筒井 角 津村 鶴田 遠野 富樫 富永 鳥居 直井 中林 長島 長野 永島 七海 仁科 西岡 沼田 野上
    萩野 長谷部 花田 羽鳥 早瀬 林田 原島 半田 東川 久松 平岡 平林 平松 福原 福山 藤島 藤野 藤森 船越 古賀 古谷 別府 保坂 堀口 堀越
    本庄 前原 牧 槙 増井 松平 松野 的場 間宮 丸田 三井 三谷 三橋 皆川 峰 箕輪 宮原 村瀬 村松 室田 最上 元木 森岡 森川 森島 諸星
    安井 八代 柳瀬 山西 結城 横溝 吉井 吉原 依田 若山 鷲見 綿貫""".split()
)

KANA_SURNAMES = frozenset(
    """サトウ スズキ タカハシ タナカ イトウ ワタナベ ヤマモト ナカムラ コバヤシ カトウ ヨシダ ヤマダ ササキ ヤマグチ マツモト イノウエ
    キムラ サイトウ シミズ ヤマザキ ヤマサキ モリ イケダ ハシモト アベ イシカワ ヤマシタ ナカジマ イシイ オガワ マエダ オカダ ハセガワ
    フジタ ゴトウ コンドウ ムラカミ エンドウ アオキ サカモト フクダ オオタ ニシムラ フジイ カネコ オカモト フジワラ ミウラ ナカノ ナカガワ
    ハラダ マツダ タケウチ オノ タムラ ナカヤマ ワダ イシダ モリタ ウエダ ウチダ シバタ サカイ ミヤザキ ヨコヤマ タカギ アンドウ ミヤモト
    オオノ コジマ タニグチ クドウ イマイ タカダ マスダ マルヤマ スギヤマ ムラタ オオツカ アライ コヤマ ヒラノ フジモト コウノ ウエノ
    ノグチ タケダ マツイ チバ スガワラ イワサキ クボ サノ ノムラ マツオ イチカワ キクチ""".split()
)

GIVEN_NAMES = frozenset(
    """James John Robert Michael William David Richard Joseph Thomas Charles Christopher Daniel Matthew Anthony Mark
    Steven Paul Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Edward Jason Jeffrey Ryan Jacob Gary Nicholas
    Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander Frank Patrick Raymond Jack Dennis
    Jerry Tyler Aaron Jose Adam Nathan Henry Peter Zachary Kyle Noah Ethan Jeremy Walter Christian Keith Roger Terry
    Harry Ralph Sean Jesse Roy Louis Billy Bruce Eugene Logan Alan Juan Wayne Carl Oliver Liam Lucas Leo Oscar Simon
    Martin Philip Ian Graham Neil Tom Tim Mike Dave Steve Chris Matt Dan Ben Sam Joe Jim Bob Bill Nick Alex Max Luke
    Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra Betty Ashley Emily
    Kimberly Margaret Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia Dorothy Amy
    Kathleen Angela Shirley Emma Brenda Pamela Nicole Anna Samantha Katherine Christine Debra Rachel Carolyn Janet Maria
    Olivia Heather Helen Catherine Diane Julie Victoria Joyce Lauren Kelly Christina Ruth Joan Virginia Judith Evelyn
    Hannah Andrea Megan Cheryl Jacqueline Martha Madison Teresa Gloria Sara Janice Ann Kathryn Abigail Sophia Frances
    Jean Alice Judy Isabella Julia Grace Amber Denise Danielle Marilyn Beverly Charlotte Natalie Theresa Diana Brittany
    Claire Lucy Kate Jane Sophie Chloe Ella Mia Zoe Fiona Nina Eva Clara Elena Ingrid Pierre Marie Hans Klaus Carlos
    Luis Ana Sofia Marco Giulia Luca Priya Raj Arjun Ananya Wei Ming Mei Chen Li Yuki Haruka Kenji Hiroshi Takeshi Akira
    Yoko Keiko Sakura Naoko Taro Hanako Ichiro Kenta Daiki Yuto Haruto Aoi Mika Emi Ken Satoshi Makoto Yui Rina""".split()
)
